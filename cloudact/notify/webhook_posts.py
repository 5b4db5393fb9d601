"""Queue of calls to customers' webhooks: a named Cloud Task that posts the event.

The task is the outbox: Cloud Tasks makes the call, repeats it for a day, and accepts the name of an event once
(docs/adr/0009).
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Retry, Stop
from cloudact.google_errors import translating_google_errors
from cloudact.installation import own_name
from cloudact.notify.event_log import PostFailure, Posts
from cloudact.notify.notifications import Notification
from cloudact.notify.signing import Signing
from cloudact.notify.webhooks import Webhook
from cloudact.settings import Settings

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksClient, Task
    from google.rpc.status_pb2 import Status

DELAY = timedelta(seconds=3)  # who asks for what it was told of finds it recorded
CREATE_TIMEOUT_S = 2.0
LOOK_TIMEOUT_S = 4.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 1.0  # between tries
DISPATCH_DEADLINE = timedelta(seconds=15)  # the shortest that Cloud Tasks knows
# Words and codes of Google's that no page of it describes; what is not understood is `OTHER`.
_HTTP_STATUS = re.compile(r"HTTP status code (\d{3})\b", re.ASCII)
_FAILURES = {4: PostFailure.TIMEOUT, 14: PostFailure.UNREACHABLE}  # DEADLINE_EXCEEDED, UNAVAILABLE of google.rpc.Code


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
        self._look_timeout_s = settings.time_out(LOOK_TIMEOUT_S)

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

    def look(self, event: str, event_id: str) -> Posts | None:
        """Posts of an event that is still queued; `None` once it has ended, well or not, or was never queued.

        Asks for neither body nor headers. Raises `Retry` or `Stop` where Cloud Tasks does not say.
        """
        from google.api_core.exceptions import NotFound

        with _translating_queue_errors():
            try:
                task = self._client.get_task(
                    request={"name": self._name(event, event_id)}, timeout=self._look_timeout_s, retry=None
                )
            except NotFound:
                return None
        return _posts(task)

    def _name(self, event: str, event_id: str) -> str:
        return f"{self._queue}/tasks/{own_name(_task_id(event, event_id), self._installation)}"

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
            "name": self._name(notification.event, notification.id),
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


def _posts(task: "Task") -> Posts:
    """Posts of a task as Cloud Tasks has it between two of them."""
    status = task.last_attempt.response_status
    return Posts(
        attempts=task.dispatch_count,
        tried_at=_instant(task.last_attempt.dispatch_time) if task.dispatch_count else None,
        http_status=_http_status(status),
        failure=_failure(status),
        next_try_at=_instant(task.schedule_time),
    )


def _instant(at: object) -> datetime | None:
    """Time of a task, which the client's classes annotate as protobuf's own type."""
    return at if isinstance(at, datetime) else None


def _http_status(status: "Status") -> int | None:
    found = _HTTP_STATUS.search(status.message)
    return int(found[1]) if found else None


def _failure(status: "Status") -> PostFailure | None:
    if _http_status(status):
        return PostFailure.REFUSED
    return _FAILURES.get(status.code, PostFailure.OTHER) if status.code else None


def _task_id(event: str, event_id: str) -> str:
    """Task id of the event. The hash comes first: names that share a prefix slow Cloud Tasks down."""
    return f"{hashlib.sha256(event_id.encode()).hexdigest()[:24]}-{event}-{event_id}"
