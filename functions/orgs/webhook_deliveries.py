"""`/organizations/{org}/webhook/deliveries`: the last events that were to be posted, and what became of each."""

from typing import Annotated

from flask import Response, request
from pydantic import Field, WithJsonSchema

from cloudact.notify.deliveries import StoredDelivery
from cloudact.notify.event_log import Delivery, PostFailure
from functions.auth.authenticate import let_in, presented
from functions.orgs.webhooks import OrgWebhooks
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Input, in_query, whole

_STATES = WithJsonSchema({"type": "string", "enum": [each.value for each in Delivery if each is not Delivery.NONE]})


class DeliveriesQuery(Input):
    """The query string of the list of deliveries."""

    limit: Annotated[int, whole(1, 50), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 50})] = 20


class WebhookDelivery(Answer):
    """One event that was to be posted. Neither the address nor what the receiver has answered is in it."""

    id: str = Field(description="of the event, as the receiver sees it")
    type: str = Field(examples=["run_failed"])
    created_at: Instant = Field(description="when the event happened")
    told_at: Instant = Field(description="when it was queued")
    state: Annotated[Delivery, _STATES] = Field(
        description="queued: not posted yet; trying: every post so far has failed, and another follows; delivered: "
        "the receiver has answered 2xx; given_up: it failed for a day; failed: it could not be queued; unknown: "
        "nobody has looked in time"
    )
    attempts: int = Field(description="posts that have begun; of one that has ended at least so many")
    last_attempt_at: Instant | None = Field(description="of the last post that failed")
    http_status: int | None = Field(description="that the receiver answered it with", examples=[503])
    error: PostFailure | None = Field(description="why it failed; refused: http_status tells")
    next_attempt_at: Instant | None
    as_of: Instant = Field(description="since when this is known")


class WebhookDeliveries(Answer):
    """Deliveries of the last thirty days, the newest first."""

    org_slug: str = Field(examples=["acmecorp"])
    deliveries: list[WebhookDelivery]


def list_deliveries(room: OrgWebhooks, org: str) -> Response:
    """200 with the newest deliveries, for every member: those that are under way as Cloud Tasks has them now."""
    credential, query = presented(room.auth, org), in_query(request.args, DeliveriesQuery)
    let_in(room.auth, org, credential)
    return answered(newest_deliveries(room, org, query.limit))


def newest_deliveries(room: OrgWebhooks, org: str, limit: int) -> WebhookDeliveries:
    """Newest deliveries of the org."""
    return WebhookDeliveries(org_slug=org, deliveries=[*map(_answer, room.deliveries.newest(org, limit))])


def _answer(stored: StoredDelivery) -> WebhookDelivery:
    return WebhookDelivery(
        id=stored.event_id,
        type=stored.event,
        created_at=stored.occurred_at,
        told_at=stored.told_at,
        state=stored.delivery,
        attempts=stored.attempts,
        last_attempt_at=stored.tried_at,
        http_status=stored.http_status,
        error=stored.failure,
        next_attempt_at=stored.next_try_at,
        as_of=stored.recorded_at,
    )
