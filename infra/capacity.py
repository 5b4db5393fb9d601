"""Needs of a number of orgs, and where Google's limits are met: `python -m infra.capacity [ORGS…]` prints tables.

Assumptions are in docs/operations.md ("Costs"), which a test compares with this; the service's own limits are computed
by its own code. Needs no project, no network and no settings.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from cloudact.pipelines.registry import load_registry
from cloudact.settings import ROOT, Settings
from functions.schedule.pace import Pace
from providers import PROVIDERS

SIZES = (1, 100, 1_000, 10_000)
DATES = 4  # of a day: yesterday, and three that are restated
_REGISTRY = load_registry(ROOT / "configs", PROVIDERS)
_ENABLED = [_REGISTRY.config(entry) for entry in _REGISTRY.entries if entry.enabled]
PIPELINES = len(_ENABLED)
TABLES = sum(len(config.tables) for config in _ENABLED)  # one load job each
RUNS = PIPELINES * DATES
TASKS = 2  # of an org's day: yesterday, and what is restated
RUN_BYTES = 4 * 1024  # that a look reads of a run, in the columns of some ten events
LEAST_S = 60  # that a task is billed: two public projects say so, Google's page was not read
LOAD_JOBS = 100_000  # a day and project: https://cloud.google.com/bigquery/quotas#load_jobs
DAY_S = 24 * 3600
MIB = 2**20


@dataclass(frozen=True)
class Day:
    """Needs of a number of orgs in a day, with runs that take `run_s` seconds."""

    orgs: int
    pace: Pace
    run_s: Decimal = Decimal(20)

    @property
    def runs(self) -> int:
        """Runs of the day: three pipelines, four dates each."""
        return self.orgs * RUNS

    @property
    def loads_unchanged(self) -> int:
        """Load jobs if no restated date has changed: unchanged ones are not loaded again."""
        return self.orgs * TABLES

    @property
    def loads_changed(self) -> int:
        """Load jobs if all restated dates have changed."""
        return self.orgs * TABLES * DATES

    @property
    def detail_mib(self) -> int:
        """MiB of one day's events of all orgs: the most that reading one run reads, even if no block were pruned."""
        return _mib(self.runs * RUN_BYTES)

    @property
    def look_mib(self) -> int:
        """MiB that a late look reads: three days of events."""
        return _mib(3 * self.runs * RUN_BYTES)

    @property
    def work_s(self) -> Decimal:
        """Seconds of container time."""
        return self.runs * self.run_s

    def billed_s(self, task_runs: Sequence[int], least_s: int = LEAST_S) -> Decimal:
        """Seconds billed for an org's day, in tasks of `task_runs` runs each."""
        return sum((max(runs * self.run_s, Decimal(least_s)) for runs in task_runs), Decimal(0))

    @property
    def alone_minutes(self) -> Decimal:
        """Minutes billed where each run has a task of its own."""
        return self.orgs * self.billed_s([1] * RUNS) / 60

    @property
    def together_minutes(self) -> Decimal:
        """Minutes billed where an org's day is two tasks."""
        return self.orgs * self.billed_s([PIPELINES, RUNS - PIPELINES]) / 60

    @property
    def hours(self) -> Decimal:
        """Hours until all is done, with as many tasks at once as the pace allows."""
        return (self.work_s / self.pace.tasks / 3600).quantize(Decimal("0.1"))

    @property
    def vcpus(self) -> int:
        """vCPUs needed to be done within four hours, of which batches take two thirds."""
        return _up(self.work_s / (4 * 3600) * 3 / 2)

    @property
    def executions(self) -> int:
        """Calls of `jobs.run`."""
        return -(-self.orgs * TASKS // self.pace.batch_tasks)


@dataclass(frozen=True)
class Limit:
    """Limit, the number of orgs at which it is met, and what happens there."""

    name: str
    orgs: int
    then: str


def limits(pace: Pace, run_s: Decimal = Decimal(20)) -> list[Limit]:
    """Limits in the order in which they are met."""
    day = pace.tasks * DAY_S / (RUNS * run_s)
    four_hours = pace.tasks * 4 * 3600 / (RUNS * run_s)
    per_minute = int(60 / pace.between.total_seconds())
    limits_met = [
        Limit("vCPUs: all done within four hours", int(four_hours), "spreads the starts further"),
        Limit("vCPUs: all done within a day", int(day), "leaves restatements, and says so (`left`, WARNING)"),
        Limit("load jobs, every date changed", LOAD_JOBS // (TABLES * DATES), "ends runs as `load_quota_exceeded`"),
        Limit("load jobs, no restated date changed", LOAD_JOBS // TABLES, "the same"),
        Limit("calls of `jobs.run` within a day", per_minute * 1440 * pace.batch_tasks // TASKS, "spreads the starts"),
    ]
    return sorted(limits_met, key=lambda each: each.orgs)


def default_pace() -> Pace:
    """Pace that a new project's quotas allow."""
    return Pace.of(
        Settings(project="p", location="l", kms_key="k", dispatcher_service_account="d", installation="test")
    )


NEEDS = ("orgs", "runs", "loads, unchanged", "loads, changed", "MiB of a detail", "MiB of a late look",
         "minutes alone", "minutes together", "hours", "vCPUs", "jobs.run")  # fmt: skip


def needs(sizes: Iterable[int], pace: Pace) -> list[tuple[str, ...]]:
    """Rows of the first table, as the document writes them."""
    days = [Day(orgs, pace) for orgs in sizes]
    return [
        tuple(
            f"{number:,}"
            for number in (
                day.orgs, day.runs, day.loads_unchanged, day.loads_changed, day.detail_mib, day.look_mib,
                int(day.alone_minutes), int(day.together_minutes), day.hours, day.vcpus, day.executions,
            )
        )
        for day in days
    ]  # fmt: skip


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown table of the rows."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mib(size: int) -> int:
    """MiB that a query of one table is billed: whole, ten at least."""
    return max(10, -(-size // MIB))


def _up(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))


def main(arguments: Sequence[str]) -> int:
    """Prints both tables for these numbers of orgs."""
    sizes, pace = [int(each) for each in arguments] or SIZES, default_pace()
    met = [(each.name, f"{each.orgs:,}", each.then) for each in limits(pace)]
    sys.stdout.write(f"{table(NEEDS, needs(sizes, pace))}\n\n{table(('limit', 'met at orgs', 'the service'), met)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
