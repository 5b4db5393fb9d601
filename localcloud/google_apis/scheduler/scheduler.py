"""The scheduler: calls that are due, with the token of their service account, and again where they fail.

It has no API of Google's: `POST /local/schedule` puts a call, `GET` lists them, `POST /local/schedule/run` makes one
now. They are forgotten when the process ends.
"""

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from google.cloud import tasks_v2
from pydantic import BaseModel, ConfigDict, Field, field_validator

from localcloud.google_apis.clock import Clock
from localcloud.google_apis.identity import TokenIssuer
from localcloud.google_apis.scheduler.cron import Crontab
from localcloud.google_apis.tasks.http_target import Sender

LONGEST_NAP_S = 1.0
THREADS = 4
LONGEST_GAP = timedelta(days=1)  # what a machine that slept for longer has missed is not looked for
HEADERS = {"User-Agent": "Google-Cloud-Scheduler", "X-CloudScheduler": "true", "Content-Type": "application/json"}


class ScheduledCall(BaseModel):
    """An HTTP call, POST, and when to make it: the fields of a job of Cloud Scheduler that `infra/schedule.sh` sets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    schedule: str
    url: str
    service_account: str
    audience: str
    deadline_s: float = Field(gt=0)
    retries: int = Field(default=0, ge=0, le=5)
    min_backoff_s: float = Field(default=5, ge=0)

    @field_validator("schedule")
    @classmethod
    def _is_crontab(cls, line: str) -> str:
        Crontab.read(line)
        return line


class Scheduler:
    """Makes calls at their minutes. `start` runs it in the background; tests that own the clock use `call_due`."""

    def __init__(self, issuer: TokenIssuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._calls: dict[str, ScheduledCall] = {}
        self._statuses: dict[str, list[int]] = {}
        self._seen = _minute(clock())
        self._sender = Sender(follows_redirects=False)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="scheduler")
        self._stopping = threading.Event()
        self._loop = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def put(self, body: bytes) -> dict[str, Any]:
        """Answer of `POST /local/schedule`: the call as it holds from now on. Raises ValueError if it cannot."""
        call = ScheduledCall.model_validate_json(body)
        self._calls[call.name] = call
        return call.model_dump()

    def listed(self) -> dict[str, Any]:
        """Answer of `GET /local/schedule`: each call with the statuses that it was answered with."""
        return {"calls": [{**call.model_dump(), "statuses": self._of(call)} for call in [*self._calls.values()]]}

    def run(self, body: bytes) -> dict[str, Any]:
        """Answer of `POST /local/schedule/run` with `{name}`: its status, once it has been made. Raises ValueError."""
        call = self._calls.get(json.loads(body).get("name", ""))
        if call is None:
            raise ValueError("expected {name} of a call")
        return {"status": self._make(call, self._clock())}

    def start(self) -> None:
        """Call in the background until stopped."""
        self._loop.start()

    def stop(self) -> None:
        """Make no more calls, and break off those that wait for an answer."""
        self._stopping.set()
        if self._loop.is_alive():
            self._loop.join()
        self._sender.hang_up()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def call_due(self) -> list[Future[int]]:
        """Make each call once that was due since the last time; returns the calls, each with its last status."""
        now = _minute(self._clock())
        since, self._seen = max(self._seen, now - LONGEST_GAP), now
        passed = [since + timedelta(minutes=number) for number in range(1, (now - since) // timedelta(minutes=1) + 1)]
        due = [call for call in [*self._calls.values()] if any(map(Crontab.read(call.schedule).matches, passed))]
        return [self._threads.submit(self._make, call, now) for call in due]

    def _run(self) -> None:
        while not self._stopping.wait(LONGEST_NAP_S):
            self.call_due()

    def _make(self, call: ScheduledCall, scheduled: datetime) -> int:
        """Status of the last attempt, 0 without an answer; what is not 2xx is tried again."""
        status = 0
        for attempt in range(call.retries + 1):
            if attempt and self._stopping.wait(call.min_backoff_s * 2 ** (attempt - 1)):
                break
            status = self._attempt(call, scheduled)
            self._of(call).append(status)
            if 200 <= status < 300:
                break
        return status

    def _attempt(self, call: ScheduledCall, scheduled: datetime) -> int:
        request: Any = tasks_v2.HttpRequest(url=call.url, http_method=tasks_v2.HttpMethod.POST, body=b"{}")
        headers = {
            **HEADERS,
            "X-CloudScheduler-JobName": call.name,
            "X-CloudScheduler-ScheduleTime": scheduled.isoformat(),
            "Authorization": f"Bearer {self._issuer.id_token(call.service_account, call.audience)}",
        }
        return self._sender.send(request, headers, call.deadline_s).status

    def _of(self, call: ScheduledCall) -> list[int]:
        return self._statuses.setdefault(call.name, [])


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
