"""Client for Python programs, over the calls that the command line makes."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Unpack

import httpx

from cli.failures import StillRunning, Usage
from cli.http import BASE, TIMEOUT, Answer, CallOptions, Http, path_of
from cli.json_object import JsonObject
from cli.pipeline_names import path_of_pipeline
from cli.watch import ENDED, states

Secret = str | Callable[[], str]


class Client:
    """Client of the API for one org, with its `key` or with the `session` of a member.

    Trouble that passes is tried again for `retry_for_s` seconds. A refusal is raised as `RefusedByApi`, which has
    `status` and `code`; no usable answer as `Unreachable` (`cli/failures.py`). Fractions in answers are `Decimal`.
    """

    def __init__(
        self,
        url: str,
        org: str,
        *,
        key: Secret | None = None,
        session: Secret | None = None,
        retry_for_s: float = 60.0,
        tell: Callable[[str], object] = lambda _trouble: None,
    ) -> None:
        if key and session:
            raise Usage("Give a key or a session, not both.")
        self.org = org
        self._client = httpx.Client(timeout=TIMEOUT, headers={"User-Agent": "cloudact-python"})
        self._http = Http(url, lambda: _credential(key, session), self._client, retry_for_s, tell)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(self, method: str, *parts: str, **options: Unpack[CallOptions]) -> Answer:
        """Calls any endpoint below the base path, whose parts are escaped; options as of `Http.call`."""
        return self._http.call(method, BASE + path_of(*parts), **options)

    def start(self, pipeline: str, date: str | None = None, *, force: bool = False) -> JsonObject:
        """Starts a run of `gcp/cost/billing` or `gcp_billing`, or returns the one that answers the request already."""
        body = {**({"date": date} if date else {}), **({"force_refresh": True} if force else {})}
        return self.call("POST", "pipelines", "run", self.org, *path_of_pipeline(self, pipeline), body=body).body

    def runs(self, **filters: object) -> Iterator[JsonObject]:
        """Runs, newest first, page after page; filters as of the API's list."""
        query = {"limit": 100, **filters, "total": "false"}
        while True:
            page = self.call("GET", "pipelines", self.org, "runs", query=query).body
            yield from page["runs"]
            if page["next_cursor"] is None:
                return
            query = dict(query, offset=None, cursor=page["next_cursor"])

    def run(self, run_id: str) -> JsonObject:
        """Run with its steps."""
        return self.call("GET", "pipelines", self.org, "runs", run_id).body

    def wait(self, run: JsonObject | str, timeout_s: float = math.inf) -> JsonObject:
        """Run once it has ended, well or badly. Raises `StillRunning` after the time; the run goes on."""
        for state in self.watch(run, timeout_s):
            if state["status"] in ENDED:
                return state
        raise StillRunning(f"Not ended after {timeout_s:g} s.")

    def watch(self, run: JsonObject | str, timeout_s: float = math.inf) -> Iterator[JsonObject]:
        """Each new state of a run until it has ended, or the time is over."""
        run_id, day = (run, None) if isinstance(run, str) else (run["run_id"], run.get("requested_date"))

        def read(headers: Mapping[str, str]) -> Answer:
            query = {"requested_date": day}
            return self.call("GET", "pipelines", self.org, "runs", run_id, query=query, headers=headers)

        for answer in states(read, time.monotonic() + timeout_s):
            yield answer.body
            if answer.body["status"] in ENDED:
                return


def _credential(key: Secret | None, session: Secret | None) -> Mapping[str, str]:
    if session:
        return {"Authorization": f"Bearer {_revealed(session)}"}
    return {"X-API-Key": _revealed(key)} if key else {}


def _revealed(secret: Secret) -> str:
    return secret() if callable(secret) else secret
