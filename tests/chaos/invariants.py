"""What must hold when a campaign is over, judged from the tables, BigQuery's jobs, logs and answers alone.

Imports nothing of the product: a rule that is wrong there must not be wrong here too.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

FINAL = frozenset({"SUCCESS", "FAILED", "CANCELLED"})
# A load that failed for one of these decides nothing: another follows.
PASSING = frozenset(
    {"backendError", "internalError", "jobBackendError", "jobInternalError", "rateLimitExceeded", "quotaExceeded"}
)
ROUNDING = Decimal("0.0001")  # of all rows of a day together: each is rounded to nine decimals
TWICE = "/twice"  # ends the second row of one run that two days asked for
GIVEN_UP = "/given_up"  # ends the event that a date of a run which has failed is not repeated any more


@dataclass(frozen=True)
class Violation:
    """Something that must never be, by the invariant's name."""

    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.detail}"


@dataclass(frozen=True)
class Event:
    """One row of the ledger's run events."""

    run_id: str
    org: str
    requested_date: dt.date
    event_id: str
    status: str
    counted: bool
    generation: int
    started_at: dt.datetime | None = None
    rows: int | None = None
    error_code: str | None = None

    @property
    def final(self) -> bool:
        """Whether nothing can come after it."""
        return self.status in FINAL


@dataclass(frozen=True)
class Job:
    """One of a run's numbered jobs: a load into a day of a table, or a fence, whose verdict is the run's status."""

    run_id: str
    number: int
    created: dt.datetime
    verdict: str | None = None
    table: str = ""
    day: dt.date | None = None
    rows: int = 0
    parts: int = 1
    attempt: str = ""
    error: str | None = None

    @property
    def fence(self) -> bool:
        """Whether it ends the run without a load."""
        return self.verdict is not None


@dataclass(frozen=True)
class Written:
    """What one run has in a day of a table: rows, and the sum of the measure by which the table is judged."""

    table: str
    day: dt.date
    run_id: str
    rows: int
    total: Decimal | None


Expected = Callable[[str, dt.date, Job, dt.datetime | None], Decimal | None]


@dataclass(frozen=True)
class Evidence:
    """All that is judged. `expected` is the provider's own total of a table's day, as a run that began then loads it.

    `admitted` are the runs that an answer promised; it promised one of each set of `promised`. `limits` are the orgs'
    quotas, `recorded` how often a run stands in the history of its day, `texts` whatever is stored or logged, by where
    it was found. `statuses` are those of HTTP answers, `hung` the containers that did not end.
    """

    events: Sequence[Event]
    jobs: Sequence[Job]
    written: Sequence[Written]
    expected: Expected
    limits: Mapping[str, int]
    recorded: Mapping[str, int] = field(default_factory=dict)
    admitted: frozenset[str] = frozenset()
    promised: Sequence[frozenset[str]] = ()
    texts: Iterable[tuple[str, str]] = ()
    secrets: Sequence[str] = ()
    statuses: Mapping[int, int] = field(default_factory=dict)
    hung: Sequence[str] = ()


def violations(evidence: Evidence) -> list[Violation]:
    """Everything that must not be and is, in the order of the invariants."""
    checks = (final, counted, one_verdict, no_load_after_a_fence, days, history, sums, no_secrets, nothing_unforeseen)
    return [found for check in checks for found in check(evidence)]


def final(evidence: Evidence) -> Iterator[Violation]:
    """Every admitted run is in the ledger, and every run there has ended."""
    ended = {(event.run_id, event.requested_date): False for event in evidence.events}
    for event in evidence.events:
        ended[event.run_id, event.requested_date] |= event.final
    for (run_id, day), over in ended.items():
        if not over:
            yield Violation("final", f"run {run_id} of {day} was swept and is not final")
    for run_id in sorted(evidence.admitted - {run_id for run_id, _ in ended}):
        yield Violation("final", f"run {run_id} was admitted and is not in the ledger")
    known = {run_id for run_id, _ in ended}
    for runs in evidence.promised:
        if not runs & known:
            yield Violation("final", f"a run of a backfilled date is not in the ledger, nor is {min(runs)}")


def counted(evidence: Evidence) -> Iterator[Violation]:
    """No org has more counted runs on a UTC day than its limit."""
    used = defaultdict(set)
    for event in evidence.events:
        if event.counted:
            used[event.org, event.requested_date].add(event.run_id)
    for (org, day), runs in used.items():
        if len(runs) > evidence.limits[org]:
            yield Violation(
                "counted", f"{org} has {len(runs)} counted runs on {day}, its limit is {evidence.limits[org]}"
            )


def one_verdict(evidence: Evidence) -> Iterator[Violation]:
    """All final events of a run say the same, and what its jobs have decided."""
    decided = {run_id: verdict(jobs) for run_id, jobs in _by_run(evidence.jobs).items()}
    ends = defaultdict(set)
    for event in evidence.events:
        if event.final and not event.event_id.endswith((TWICE, GIVEN_UP)):
            ends[event.run_id].add((event.status, event.error_code))
    for run_id, said in ends.items():
        if len(said) > 1:
            yield Violation("one_verdict", f"run {run_id} ended as {sorted(map(str, said))}")
        elif (status := next(iter(said))[0]) != decided.get(run_id):
            yield Violation("one_verdict", f"run {run_id} ended as {status}, its jobs decided {decided.get(run_id)}")


def history(evidence: Evidence) -> Iterator[Violation]:
    """The history of days has a run that has loaded its day, or found it loaded, and has it once."""
    decided = {run_id: verdict(jobs) for run_id, jobs in _by_run(evidence.jobs).items()}
    for run_id, times in evidence.recorded.items():
        if times > 1 or decided.get(run_id) != "SUCCESS":
            told = f"run {run_id}, which its jobs decided as {decided.get(run_id)}, is recorded {times} times"
            yield Violation("history", told)


def verdict(jobs: Sequence[Job]) -> str | None:
    """What a run's jobs decide, in their order; `None` while nothing is decided."""
    loads: list[Job] = []
    for job in jobs:
        if job.fence:
            return job.verdict
        if job.error:
            if job.error not in PASSING:
                return "FAILED"
            continue
        loads = [*(loads if loads and loads[0].attempt == job.attempt else []), job]
        if len(loads) >= job.parts:
            return "SUCCESS"
    return None


def no_load_after_a_fence(evidence: Evidence) -> Iterator[Violation]:
    """A run has no job after the one that decided it, and none before its first."""
    for run_id, jobs in _by_run(evidence.jobs).items():
        if [job.number for job in jobs] != list(range(len(jobs))):
            yield Violation("no_load_after_a_fence", f"run {run_id} has the jobs {[job.number for job in jobs]}")
        for before in range(len(jobs)):
            if verdict(jobs[:before]):
                late = f"job {jobs[before].number} after it was decided as {verdict(jobs[:before])}"
                yield Violation("no_load_after_a_fence", f"run {run_id} has {late}")
                break


def days(evidence: Evidence) -> Iterator[Violation]:
    """A day of a table holds the rows of one run: of the newest generation that loaded it, as many as it loaded."""
    last = newest_loads(evidence)
    present = defaultdict(list)
    for part in evidence.written:
        present[part.table, part.day].append(part)
    for place in sorted({*last, *present}):
        rows = {part.run_id: part.rows for part in present[place]}
        load = last.get(place)
        wanted = {load.run_id: load.rows} if load and load.rows else {}
        if rows != wanted:
            yield Violation("days", f"{place[0]} of {place[1]} has rows of {rows}, the newest load is {wanted}")


def sums(evidence: Evidence) -> Iterator[Violation]:
    """A day's money, tokens or requests are what its provider told the run that loaded it."""
    last, began = newest_loads(evidence), _first_starts(evidence.events)
    for part in evidence.written:
        load = last.get((part.table, part.day))
        if part.total is None or load is None or load.run_id != part.run_id:
            continue
        expected = evidence.expected(part.table, part.day, load, began.get(load.run_id))
        if expected is not None and abs(expected - part.total) > ROUNDING:
            yield Violation("sums", f"{part.table} of {part.day} has {part.total}, the provider's total is {expected}")


def no_secrets(evidence: Evidence) -> Iterator[Violation]:
    """No key is in any table, log, answer or message."""
    for where, text in evidence.texts:
        for number, secret in enumerate(evidence.secrets):
            if secret in text:
                yield Violation("no_secrets", f"secret {number} is in {where}")


def nothing_unforeseen(evidence: Evidence) -> Iterator[Violation]:
    """No answer is 500, no run ends in an error that nobody thought of, and every container ends."""
    if wrong := evidence.statuses.get(500):
        yield Violation("nothing_unforeseen", f"{wrong} answers were 500")
    codes = Counter(event.run_id for event in evidence.events if event.error_code == "internal_error")
    for run_id in codes:
        yield Violation("nothing_unforeseen", f"run {run_id} ended in internal_error")
    for name in evidence.hung:
        yield Violation("nothing_unforeseen", f"container {name} did not end")


def newest_loads(evidence: Evidence) -> dict[tuple[str, dt.date], Job]:
    """The last load of each day of a table, by generation: what the day must hold."""
    generation = {event.run_id: event.generation for event in evidence.events}
    last: dict[tuple[str, dt.date], Job] = {}
    for job in sorted(evidence.jobs, key=lambda job: (generation.get(job.run_id, 0), job.number)):
        if job.day and not job.fence and not job.error:
            last[job.table, job.day] = job
    return last


def _by_run(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    by_run = defaultdict(list)
    for job in sorted(jobs, key=lambda job: job.number):
        by_run[job.run_id].append(job)
    return by_run


def _first_starts(events: Iterable[Event]) -> dict[str, dt.datetime]:
    starts: dict[str, dt.datetime] = {}
    for event in events:
        if event.started_at:
            starts[event.run_id] = min(event.started_at, starts.get(event.run_id, event.started_at))
    return starts
