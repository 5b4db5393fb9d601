"""One attempt of a task: the HTTP request Cloud Tasks sends, and what came of it."""

import http.client
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from google.cloud import tasks_v2

from localcloud.google_apis.identity import TokenIssuer
from localcloud.google_apis.wire_types import HttpTarget, Task

MOST_REDIRECTS = 5
_REPLACED = ("host", "content-length", "user-agent", "x-google-", "x-appengine-", "x-cloudtasks-")


@dataclass(frozen=True)
class Reply:
    """The answer of a target: status 0 when there was none, `retry_after_s` 0 when it named no wait.

    `location` is where a redirect points, else empty.
    """

    status: int
    retry_after_s: float = 0.0
    location: str = ""

    @property
    def succeeded(self) -> bool:
        """2xx executes the task; there is no "permanent" 4xx."""
        return 200 <= self.status < 300


def attempt_headers(task: Task, last_status: int | None, issuer: TokenIssuer) -> dict[str, str]:
    """The task's own headers, those that Cloud Tasks adds, and the token.

    https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler. No Content-Type is added.
    """
    queue, _, task_id = task.name.rpartition("/tasks/")
    authorization = _authorization(task.http_request, issuer)
    own = task.http_request.headers.items()
    headers = {name: value for name, value in own if not _is_replaced(name, bool(authorization))}
    headers |= {
        "User-Agent": "Google-Cloud-Tasks",
        "X-CloudTasks-QueueName": queue.rpartition("/")[2],
        "X-CloudTasks-TaskName": task_id,
        "X-CloudTasks-TaskRetryCount": str(task.dispatch_count - 1),
        "X-CloudTasks-TaskExecutionCount": str(task.response_count),
        "X-CloudTasks-TaskETA": f"{task.schedule_time.timestamp():.6f}",
    }
    if last_status is not None:
        headers["X-CloudTasks-TaskPreviousResponse"] = str(last_status)
    return headers | authorization


def _is_replaced(name: str, has_token: bool) -> bool:
    return name.lower().startswith(_REPLACED) or (has_token and name.lower() == "authorization")


def _authorization(request: HttpTarget, issuer: TokenIssuer) -> dict[str, str]:
    if request.oidc_token.service_account_email:
        audience = request.oidc_token.audience or request.url
        token = issuer.id_token(request.oidc_token.service_account_email, audience)
    elif request.oauth_token.service_account_email:
        token = issuer.access_token(request.oauth_token.service_account_email)
    else:
        return {}
    return {"Authorization": f"Bearer {token}"}


class Sender:
    """Makes requests on any number of threads; `hang_up` ends those that wait for an answer.

    Cloud Tasks says that a redirect "may be followed" ([cloudtasks.v2 HttpRequest.url]). How is not told; the worst is
    taken: the very same request, body and headers, goes to wherever `Location` points.
    """

    def __init__(self, *, follows_redirects: bool = True) -> None:
        self._most_redirects = MOST_REDIRECTS if follows_redirects else 0
        self._waiting: set[http.client.HTTPConnection] = set()
        self._closed = False

    def send(self, request: HttpTarget, headers: Mapping[str, str], deadline_s: float) -> Reply:
        """Make the request and wait for the answer, `deadline_s` at most per read."""
        url = request.url
        for _ in range(self._most_redirects + 1):
            reply = self._send_to(url, request, headers, deadline_s)
            if not reply.location:
                break
            url = urljoin(url, reply.location)
        return reply

    def _send_to(self, url: str, request: HttpTarget, headers: Mapping[str, str], deadline_s: float) -> Reply:
        try:
            connection = _connection(url, deadline_s)
        except ValueError:  # a port that is no number
            return Reply(status=0)
        self._waiting.add(connection)
        try:
            connection.connect()
            if self._closed:
                return Reply(status=0)
            return _exchange(connection, url, request, headers)
        except (OSError, http.client.HTTPException, ValueError):
            return Reply(status=0)
        finally:
            self._waiting.discard(connection)
            connection.close()

    def hang_up(self) -> None:
        """Break every open connection, for good."""
        self._closed = True
        for connection in list(self._waiting):
            with suppress(OSError):
                if connection.sock:
                    connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout_s)


def _exchange(
    connection: http.client.HTTPConnection, url: str, request: HttpTarget, headers: Mapping[str, str]
) -> Reply:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    method = tasks_v2.HttpMethod(request.http_method).name
    connection.request(method, target, request.body or None, dict(headers))
    response = connection.getresponse()
    response.read()
    location = response.getheader("Location", "") if response.status // 100 == 3 else ""
    return Reply(response.status, _seconds(response.getheader("Retry-After")), location)


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdigit() else 0.0
