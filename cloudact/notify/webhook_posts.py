"""Queue of calls to customers' webhooks: a named Cloud Task that posts the event.

The task is the outbox: Cloud Tasks makes the call, repeats it for a day, and accepts the name of an event once
(docs/adr/0009).
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Retry, Stop
from cloudact.google_errors import translating_google_errors
from cloudact.installation import own_name
from cloudact.notify.notifications import Notification
from cloudact.notify.signing import Signing
from cloudact.notify.webhooks import Webhook
from cloudact.settings import Settings

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksClient

DELAY = timedelta(seconds=3)  # who asks for what it was told of finds it recorded
CREATE_TIMEOUT_S = 2.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 1.0  # between tries
DISPATCH_DEADLINE = timedelta(seconds=15)  # the shortest that Cloud Tasks knows


class Outbox:
    """Queue of calls to customers' webhooks. Runs have another queue, which a slow receiver must not delay."""

    def __init__(
        self, client: "Callable[[], CloudTasksClient]", settings: Settings, signing: Signing, clock: Clock
    ) -> None:
        self._build_client = client
        self._queue = settings.webhook_queue_path
        self._installation = settings.installation
        self._signing = signing
        self._clock = clock
        self._create_timeout_s = settings.time_out(CREATE_TIMEOUT_S)

    @cached_property
    def _client(self) -> "CloudTasksClient":
        return self._build_client()

    def own(self, notification: Notification) -> Notification:
        """Notification with the id that this installation gives it."""
        return replace(notification, installation=self._installation)

    def put(self, webhook: Webhook, notification: Notification, tries: int = 1) -> bool:
        """Enqueues the call; `False` if the event was enqueued before.

        Raises `Retry` where Cloud Tasks cannot be reached.
        """
        task = self._task(webhook, self.own(notification))
        import stamina  # few instances and containers tell of anything

        waits = {"wait_initial": FIRST_WAIT_S, "wait_max": LONGEST_WAIT_S}
        for attempt in stamina.retry_context(on=Retry, attempts=tries, timeout=None, **waits):
            with attempt:
                new = self._create(task)
        # A try whose answer got lost may have made the task that the next one finds: rather an alert twice than none.
        return new or attempt.num > 1

    def _task(self, webhook: Webhook, notification: Notification) -> dict[str, object]:
        """Cloud Task that posts the event, without a token of ours: the receiver must not get a credential."""
        at, body = self._clock(), notification.body
        signature = self._signing.header(webhook.org_slug, webhook.key_version, int(at.timestamp()), body)
        request = {
            "http_method": "POST",
            "url": webhook.url,
            "headers": {"Content-Type": "application/json", "CloudAct-Signature": signature},
            "body": body,
        }
        return {
            "name": f"{self._queue}/tasks/{own_name(_task_id(notification), self._installation)}",
            "schedule_time": at + DELAY,
            "dispatch_deadline": DISPATCH_DEADLINE,
            "http_request": request,
        }

    def _create(self, task: dict[str, object]) -> bool:
        from google.api_core.exceptions import Conflict

        with _translating_queue_errors():
            try:
                self._client.create_task(
                    request={"parent": self._queue, "task": task}, timeout=self._create_timeout_s, retry=None
                )
            except Conflict:
                return False
        return True


@contextmanager
def _translating_queue_errors() -> Iterator[None]:
    """Raises `Retry` or `Stop` without Google's text: it may quote the address, which may hold a receiver's token."""
    from google.api_core.exceptions import GoogleAPIError

    try:
        with translating_google_errors("Cloud Tasks"):
            yield
    except Retry as err:
        raise Retry(err.code, f"{err.message} ({type(err.__cause__).__name__})", err.hint) from None
    except GoogleAPIError as err:
        raise Stop(Code.NOTIFICATION_REFUSED, f"Cloud Tasks refused a notification. ({type(err).__name__})") from None


def _task_id(notification: Notification) -> str:
    """Task id of the event. The hash comes first: names that share a prefix slow Cloud Tasks down."""
    return f"{hashlib.sha256(notification.id.encode()).hexdigest()[:24]}-{notification.event}-{notification.id}"
