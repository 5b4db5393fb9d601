"""Batches: up to 200 runs that one Cloud Run execution works through, each of its tasks on some runs of one org.

A region accepts some tens of `jobs.run` calls a minute, so a run of its own execution each would take hours; and a task
is billed a minute at least, so several short runs share one (docs/adr/0014). The batch travels in the job's
environment, where a value may have 32 KiB; a task finds its runs by its index, without asking anybody.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt, model_validator

from cloudact.runs.run import NAMESPACE, Run, TriggerType

BATCH_VARIABLE = "CLOUDACT_BATCH"
LARGEST = 200
MAX_MESSAGE_BYTES = 32 * 1024  # https://cloud.google.com/run/quotas: the length of an environment variable


class _Item(BaseModel):
    """Fields of one run that the batch's runs do not share."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    o: str
    p: int
    d: dt.date
    g: int
    t: TriggerType


class _Path(BaseModel):
    """Pipeline of runs: provider, domain and name."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    pipeline: str
    provider: str
    domain: str
    name: str


class Batch(BaseModel):
    """Runs requested at the same time by the same caller, in an order that never changes.

    `sizes` are the numbers of runs of each task, in order; left out, each task has one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    requested_at: AwareDatetime
    triggered_by: str
    paths: tuple[_Path, ...]
    items: tuple[_Item, ...]
    sizes: tuple[PositiveInt, ...] = ()

    @model_validator(mode="after")
    def _sizes_are_of_all(self) -> Self:
        if self.sizes and sum(self.sizes) != len(self.items):
            raise ValueError(f"sizes are of {sum(self.sizes)} runs, and there are {len(self.items)}")
        return self

    @property
    def batch_id(self) -> str:
        """UUIDv5 over the run ids: equal runs give an equal batch id."""
        return str(uuid.uuid5(NAMESPACE, "/".join(run.run_id for run in self.runs())))

    @property
    def tasks(self) -> tuple[int, ...]:
        """Number of runs of each task."""
        return self.sizes or (1,) * len(self.items)

    def runs(self) -> list[Run]:
        """All runs, in their order."""
        return [self._run(item) for item in self.items]

    def of_task(self, index: int) -> list[Run]:
        """Runs of the task with this index, in working order; raises `IndexError` where there is none."""
        size = self.tasks[index]
        end = list(accumulate(self.tasks))[index]
        return [self._run(item) for item in self.items[end - size : end]]

    def _run(self, item: _Item) -> Run:
        return Run(
            **self.paths[item.p].model_dump(),
            org_slug=item.o,
            date=item.d,
            generation=item.g,
            trigger_type=item.t,
            triggered_by=self.triggered_by,
            requested_at=self.requested_at,
        )

    @classmethod
    def of(cls, runs: Sequence[Run], task_runs: int = 1) -> "Batch":
        """Batch of these runs, which share the time and the caller of their request and are not forced."""
        paths = list(dict.fromkeys(_path(run) for run in runs))
        items = [
            _Item(o=run.org_slug, p=paths.index(_path(run)), d=run.date, g=run.generation, t=run.trigger_type)
            for run in runs
        ]
        first = runs[0]
        batch = cls(
            requested_at=first.requested_at,
            triggered_by=first.triggered_by,
            paths=tuple(paths),
            items=tuple(items),
            sizes=tuple(len(group) for group in groups(runs, task_runs)),
        )
        if batch.runs() != list(runs):
            raise ValueError("the runs of a batch share all but org, pipeline, date, generation and trigger type")
        return batch


def groups(runs: Iterable[Run], task_runs: int) -> Iterator[list[Run]]:
    """Runs that one task works on: up to `task_runs` neighbours of one org and trigger type.

    The rule depends on the order alone, so a batch read back from the ledger has the groups that were made.
    """
    group: list[Run] = []
    for run in runs:
        if group and (len(group) == task_runs or _shared(run) != _shared(group[0])):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _shared(run: Run) -> tuple[str, TriggerType]:
    return run.org_slug, run.trigger_type


def batches(runs: Iterable[Run], tasks: int = LARGEST, task_runs: int = 1) -> Iterator[Batch]:
    """Batches of the runs in order, up to `tasks` tasks each.

    A batch ends by its number of tasks alone, so planning the rest of a day cuts at the same places.
    """
    rest = groups(runs, task_runs)
    while few := list(islice(rest, tasks)):
        yield Batch.of([run for group in few for run in group], task_runs)


def _path(run: Run) -> _Path:
    return _Path(pipeline=run.pipeline, provider=run.provider, domain=run.domain, name=run.name)
