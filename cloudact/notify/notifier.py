"""Notifies orgs and operators of events: a call of the org's webhook (`webhook_posts`), and a line in the log.

Notifying never raises and waits seconds at most; the work it reports goes on whatever becomes of it.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from cloudact import clients
from cloudact.clock import Clock
from cloudact.errors import CloudActError, ConfigError
from cloudact.notify.event_log import PATIENCE_S, Delivery, EventLog
from cloudact.notify.notifications import Event, Notification, integration_invalid
from cloudact.notify.signing import Signing
from cloudact.notify.webhook_posts import Outbox
from cloudact.notify.webhooks import Webhook, Webhooks
from cloudact.orgs.integrations import Integration
from cloudact.secrets import TIMEOUT_S, read_secret
from cloudact.settings import Settings
from cloudact.warehouse.bigquery import Warehouse, open_warehouse

log = logging.getLogger(__name__)
PATIENT_TRIES = 3  # of jobs and the sweep: whoever records a run's end is the last one to tell of it
MESSAGES = {
    Event.RUN_FAILED: "a run has failed for good",
    Event.COST_FELL: "a day costs less than half of what it did",
    Event.COST_ANOMALY: "costs have changed",
    Event.BUDGET_THRESHOLD: "a budget has come to a threshold",
    Event.BUDGET_FORECAST: "a budget is less than the forecast of its month",
    Event.BALANCE_LOW: "a prepaid balance runs out",
    Event.DATES_GIVEN_UP: "dates are given up",
    Event.INTEGRATION_INVALID: "an integration has become invalid",
    Event.QUOTA_NEAR: "an org is near its quota",
    Event.QUOTA_REACHED: "an org has used up its quota",
    Event.PING: "an org tests its webhook",
}


class Notifier:
    """Sends notifications. Without `outbox`, as in a deployment without webhooks, events are recorded and logged only.

    `providers` are provider ids by integration. `tries` is how often Cloud Tasks is called: once in a request, since
    its client does not wait for that.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        outbox: Outbox | None,
        events: EventLog,
        providers: Mapping[str, str],
        tries: int = 1,
    ) -> None:
        self._webhooks = webhooks
        self._outbox = outbox
        self._events = events
        self._providers = providers
        self._tries = tries

    def patient(self) -> "Notifier":
        """`Notifier` that calls Cloud Tasks up to three times.

        For jobs and the sweep: nobody notifies of their events later.
        """
        return Notifier(self._webhooks, self._outbox, self._events, self._providers, PATIENT_TRIES)

    def notify(self, notification: Notification) -> bool:
        """Sends the notification to the org's webhook and logs it. Returns whether every receiver will get it."""
        try:
            webhook = self._webhooks.find(notification.org_slug) if self._outbox else None
        except Exception as err:
            return self._told(self.own(notification), "failed", err)
        return self.notify_webhook(webhook, notification)

    def tell_invalid(self, judged: Integration, error: str, at: datetime) -> None:
        """Sends the notification that an integration has become INVALID."""
        self.notify(integration_invalid(judged, self._providers[judged.integration], error, at))

    def notify_webhook(self, webhook: Webhook | None, notification: Notification) -> bool:
        """Sends the notification to a webhook that the caller has read already, and logs it.

        Returns whether it will arrive.
        """
        notification = self.own(notification)
        if webhook is None or self._outbox is None or not webhook.wants(notification.event):
            return self._told(notification, "none")
        try:
            new = self._outbox.put(webhook, notification, self._tries)
        except Exception as err:
            return self._told(notification, "failed", err)
        return self._told(notification, "queued" if new else "repeated")

    def own(self, notification: Notification) -> Notification:
        """Notification with the id that it is sent and recorded under."""
        return notification if self._outbox is None else self._outbox.own(notification)

    def _told(self, notification: Notification, delivery: str, err: Exception | None = None) -> bool:
        """Records and logs the event. Who repeats it records it too: the first teller may have died before that."""
        self._events.told(notification, Delivery.QUEUED if delivery == "repeated" else Delivery(delivery))
        return _logged(notification, delivery, err)


def open_outbox(settings: Settings, signing: Signing, clock: Clock) -> Outbox | None:
    """Outbox of the deployment; `None` without a secret to sign with."""
    return Outbox(lambda: clients.tasks(settings), settings, signing, clock) if settings.webhook_secret else None


def open_signing(settings: Settings) -> Signing:
    """Signing of the deployment; its secret is read when first needed."""

    def master() -> bytes:
        if not settings.webhook_secret:
            raise ConfigError("CLOUDACT_WEBHOOK_SECRET is not set.")
        return read_secret(clients.secret_manager(settings), settings.webhook_secret, settings.time_out(TIMEOUT_S))

    return Signing(master, settings.installation)


def open_event_log(settings: Settings, clock: Clock) -> EventLog:
    """Event log of the deployment."""
    return EventLog(open_warehouse(settings, settings.time_out(PATIENCE_S)), clock)


def open_notifier(settings: Settings, warehouse: Warehouse, clock: Clock, providers: Mapping[str, str]) -> Notifier:
    """Notifier of a job; `providers` are provider ids by integration."""
    outbox = open_outbox(settings, open_signing(settings), clock)
    return Notifier(Webhooks(warehouse, clock), outbox, open_event_log(settings, clock), providers).patient()


def _logged(notification: Notification, delivery: str, err: Exception | None = None) -> bool:
    """Logs one line that alerts match by `event` and `delivery`; neither address nor body are in it."""
    data = {name: value for name, value in notification.data.items() if _is_plain(value)}
    error = notification.data.get("error")
    code = {"code": error["code"]} if isinstance(error, dict) else {}
    fields = {
        **{name: value for name, value in data.items() if name not in ("message", "error_message")},
        **code,
        "event": notification.event.value,
        "event_id": notification.id,
        "org_slug": notification.org_slug,
        "delivery": delivery,
    }
    log.log(notification.severity, MESSAGES[notification.event], extra={"fields": fields})
    if err is not None:
        fields = {"event_id": notification.id, "org_slug": notification.org_slug, **_why(err)}
        log.error("a notification could not be queued", extra={"fields": fields})
    return delivery != "failed"


def _is_plain(value: object) -> bool:
    """Whether it is a text, a number, or a list of texts: amounts are for the org, not for the log."""
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str | int)


def _why(err: Exception) -> dict[str, str]:
    """Fields of an error: its type, and its text if that is ours. Texts of libraries may quote the address."""
    message = {"error_message": str(err)} if isinstance(err, CloudActError) else {}
    return {"error_type": type(err).__name__, **message}
