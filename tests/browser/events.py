"""What the browser is shown of events: a webhook whose posts have come to every end there is, and events of the org."""

from dataclasses import replace
from datetime import timedelta

from cloudact import clients
from cloudact.notify.event_log import Delivery, EventLog, PostFailure, Posts
from cloudact.notify.notifications import Event, Notification, quota_used, run_failed
from cloudact.notify.notifier import open_notifier
from cloudact.notify.webhooks import Webhooks
from cloudact.orgs.integrations import Integration, Integrations
from cloudact.orgs.org import IntegrationStatus
from cloudact.runs.run import Run
from providers import PROVIDERS
from providers.provider import ids
from tests.browser.scene import REFUSED
from tests.conftest import NOON, Local

WANTED = ("run_failed", "cost_anomaly", "quota_near", "quota_reached")


def tell(local: Local, org: str, failed: Run) -> None:
    """Sets the webhook, and tells events of the last days: some were posted, one waits, one is tried again."""
    Webhooks(local.warehouse, local.clock).put(org, "https://hooks.northwind.example/cloudact", WANTED)
    _ended(
        local,
        quota_used(org, Event.QUOTA_NEAR, 40, 50, NOON - timedelta(days=2, hours=5)),
        Delivery.DELIVERED,
        Posts(1),
    )
    refused = Posts(19, NOON - timedelta(hours=28), 503, PostFailure.REFUSED)
    _ended(
        local,
        quota_used(org, Event.QUOTA_REACHED, 50, 50, NOON - timedelta(days=2, hours=3)),
        Delivery.GIVEN_UP,
        refused,
    )
    _credentials(local, org)
    notifier = open_notifier(local.settings, local.warehouse, local.clock, ids(PROVIDERS))
    notifier.notify(run_failed(failed, REFUSED, NOON))
    _post_now(local, org)
    notifier.notify(Notification(Event.COST_ANOMALY, org, "of the scene", NOON, ANOMALY))


def _credentials(local: Local, org: str) -> None:
    """A key that its provider once refused and takes again, and one that was replaced."""
    at = NOON - timedelta(days=3)
    valid = Integration(
        org_slug=org, integration="ANTHROPIC", status=IntegrationStatus.VALID, ciphertext="1", fingerprint="0" * 16,
        credential_name="the reader of costs", updated_at=at - timedelta(days=30),
    )  # fmt: skip
    invalid = replace(valid, status=IntegrationStatus.INVALID, last_error=REFUSED.message, updated_at=at)
    again = replace(valid, updated_at=at + timedelta(hours=2))
    Integrations(local.warehouse, local.clock).add([valid, invalid, again])


def _post_now(local: Local, org: str) -> None:
    """Has Cloud Tasks post what waits for the org, to a receiver that does not exist."""
    request = {"parent": local.settings.webhook_queue_path, "response_view": "FULL"}
    for task in clients.tasks(local.settings).list_tasks(request=request):
        if f'"{org}"'.encode() in task.http_request.body and (post := local.google.dispatcher.dispatch_now(task.name)):
            post.result(timeout=30)


ANOMALY = {
    "kind": "rise",
    "of": {"layer": "service", "key": {"provider": "gcp", "service": "BigQuery"}, "names": {}},
    "since": "2026-11-10",
    "is_masked": False,
    "cost": {"currency": "USD", "amount": "412.90", "expected": "98.20", "difference": "314.70"},
    "shown_by": {"query": "SELECT 1"},
}


def _ended(local: Local, event: Notification, delivery: Delivery, posts: Posts) -> None:
    """Records an event of some days ago whose post has ended."""
    own = Notification(
        event.event, event.org_slug, event.key, event.created_at, event.data, local.settings.installation
    )
    then = EventLog(local.warehouse, lambda: own.created_at)
    then.told(own, Delivery.QUEUED)
    then.looked(own.org_slug, own.id, own.event, own.created_at, delivery, posts)
