"""Two hundred clients that wait for runs at one instance of eight threads, as it really runs.

Nothing is asserted about time; what is printed says how long ordinary requests took, and how late the end was seen.
"""

import asyncio
import random
import resource
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.served import under_framework

WAITERS, THREADS = 200, 8
WITHIN_S = 60.0
BEFORE_S = 10.0  # in which everybody waits and nothing happens


@dataclass
class Seen:
    """What the clients saw: answers by what they were, seconds of ordinary requests, and when each saw the end."""

    answers: Counter[str] = field(default_factory=Counter)
    alone_s: list[float] = field(default_factory=list)  # before anybody waits
    ordinary_s: list[float] = field(default_factory=list)
    ends: list[tuple[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Clients:
    """Clients of one instance."""

    http: httpx.AsyncClient
    org: OnboardedOrg
    seen: Seen

    async def wait(self, run: Run) -> None:
        """Waits for the run's end as the command line does."""
        path = f"/api/v1/pipelines/{self.org.org_slug}/runs/{run.run_id}?requested_date={run.requested_date}"
        headers = {"X-API-Key": self.org.api_key, "Prefer": "wait=25"}
        while True:
            try:
                answer = await self.http.get(path, headers=headers)
            except httpx.TransportError:  # gunicorn ends idle connections after two seconds, perhaps just now
                self.seen.answers["ended"] += 1
                continue
            again = answer.headers.get("Retry-After")
            self.seen.answers[f"{answer.status_code}{' at once' if again else ''}"] += 1
            if answer.status_code == 200 and answer.json()["status"] == "SUCCESS":
                self.seen.ends.append((run.run_id, time.monotonic()))
                return
            headers["If-None-Match"] = answer.headers["ETag"]
            await asyncio.sleep(float(again or 0) * random.uniform(1, 1.1))

    async def use(self, seconds: list[float], until: asyncio.Event) -> None:
        """Makes ordinary requests one after the other, and notes how long each took."""
        while not until.is_set():
            for path in ("/health", f"/api/v1/pipelines/{self.org.org_slug}/runs?limit=5&total=false"):
                began = time.monotonic()
                headers = {"X-API-Key": self.org.api_key, "Connection": "close"}
                answer = await self.http.get(path, headers=headers)
                assert answer.status_code == 200, answer.text
                seconds.append(time.monotonic() - began)
            await asyncio.sleep(0.2)


@pytest.mark.bench
@pytest.mark.parametrize("number", [1, 20])
def test_two_hundred_wait(local: Local, new_org: NewOrgs, tmp_path: Path, number: int) -> None:
    """All see the end of their run, and every ordinary request beside them is answered."""
    org, seen = new_org(), Seen()
    runs = [billing_run(org, generation=each + 1) for each in range(number)]
    for run in runs:
        local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with under_framework("api", local.settings.to_env() | {"THREADS": str(THREADS)}, tmp_path) as url:
        ended, queries = asyncio.run(_all(url, local, org, runs, seen))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert len(seen.ends) == WAITERS
    assert seen.ordinary_s
    late = sorted(at - ended[run_id] for run_id, at in seen.ends)
    lines = [
        f"{WAITERS} waiters of {number} runs, {THREADS} threads: answers {dict(seen.answers)}",
        f"the end was seen after {late[0]:.1f} s (first), {statistics.median(late):.1f} s, {late[-1]:.1f} s (last)",
        f"ordinary requests without waiters: {_told(seen.alone_s)}; with them: {_told(seen.ordinary_s)}",
        f"{queries} queries in {BEFORE_S:g} s of waiting, those of ordinary requests included",
        f"the instance took {cpu_s:.1f} s of CPU, its start included",
    ]
    print("\n" + "\n  ".join(lines))  # noqa: T201


def _told(seconds: list[float]) -> str:
    return f"{len(seconds)}, median {statistics.median(seconds) * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms"


async def _all(url: str, local: Local, org: OnboardedOrg, runs: list[Run], seen: Seen) -> tuple[dict[str, float], int]:
    """Monotonic time of each run's end, and how many readings of runs there were in the time before it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=WAITERS)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=WITHIN_S) as http:
        clients = Clients(http, org, seen)
        quiet, over = asyncio.Event(), asyncio.Event()
        alone = asyncio.create_task(clients.use(seen.alone_s, quiet))
        await asyncio.sleep(BEFORE_S)
        quiet.set()
        await alone
        using = asyncio.create_task(clients.use(seen.ordinary_s, over))
        waiting = [asyncio.create_task(clients.wait(runs[each % len(runs)])) for each in range(WAITERS)]
        await asyncio.sleep(BEFORE_S)
        before = await asyncio.to_thread(_queries, local)
        await asyncio.sleep(BEFORE_S)
        queries = await asyncio.to_thread(_queries, local) - before
        ended = {}
        for run in runs:
            await asyncio.to_thread(
                local.ledger.append_run, run, RunEvent(Status.SUCCESS, started_at=NOON, rows=1), NOON
            )
            ended[run.run_id] = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*waiting), WITHIN_S)
        over.set()
        await using
    return ended, queries


def _queries(local: Local) -> int:
    """Number of queries that the local BigQuery has answered."""
    told = httpx.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=WITHIN_S)
    return int(told.json()["requests"].get("jobs.query", 0))
