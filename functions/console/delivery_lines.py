"""Deliveries of the webhook as its page lists them, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudact.notify.event_log import Delivery, PostFailure
from functions.console.collaborators import Console
from functions.orgs.webhook_deliveries import WebhookDelivery, newest_deliveries

SHOWN = 20
STATE = {
    Delivery.FAILED: "Not sent",
    Delivery.QUEUED: "Waiting",
    Delivery.TRYING: "Tried again",
    Delivery.DELIVERED: "Delivered",
    Delivery.GIVEN_UP: "Given up",
    Delivery.UNKNOWN: "Not known",
}
KIND = {
    Delivery.FAILED: "failed",
    Delivery.QUEUED: "pending",
    Delivery.TRYING: "warned",
    Delivery.DELIVERED: "success",
    Delivery.GIVEN_UP: "failed",
    Delivery.UNKNOWN: "cancelled",
}
FAILURE = {
    PostFailure.TIMEOUT: "no answer within 15 s",
    PostFailure.UNREACHABLE: "not reached",
    PostFailure.OTHER: "failed",
}


@dataclass(frozen=True)
class DeliveryLine:
    """Delivery of the list; `answer` is how its last post failed, empty where none did."""

    delivery: WebhookDelivery
    words: str
    kind: str
    answer: str


def delivery_lines(console: Console, org: str) -> Sequence[DeliveryLine]:
    """Newest deliveries of the org's webhook, by one query."""
    deliveries = newest_deliveries(console.webhooks, org, SHOWN).deliveries
    return [DeliveryLine(each, STATE[each.state], KIND[each.state], _answer(each)) for each in deliveries]


def _answer(delivery: WebhookDelivery) -> str:
    if delivery.state is Delivery.FAILED:
        return "could not be queued"
    if delivery.http_status is not None:
        return f"HTTP {delivery.http_status}"
    return FAILURE[delivery.error] if delivery.error and delivery.error in FAILURE else ""
