"""A batch: up to 200 runs that one Cloud Run execution works through, a task each.

A region accepts some tens of `jobs.run` calls a minute, so a run of its own execution each would take hours. The batch
travels in the job's environment, where a value may have 32 KiB; a task finds its run by its index, without asking
anybody.
"""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from itertools import islice

from pydantic import AwareDatetime, BaseModel, ConfigDict

from cloudact.runs import NAMESPACE, Run, TriggerType

BATCH_VARIABLE = "CLOUDACT_BATCH"
LARGEST = 200
MAX_MESSAGE_BYTES = 32 * 1024  # https://cloud.google.com/run/quotas: the length of an environment variable


class _Item(BaseModel):
    """One run, without what all runs of the batch share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    o: str
    p: int
    d: dt.date
    g: int
    t: TriggerType


class _Path(BaseModel):
    """The pipeline of runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str
    provider: str
    domain: str
    name: str


class Batch(BaseModel):
    """Runs asked for at the same time by the same caller, in an order that never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requested_at: AwareDatetime
    triggered_by: str
    paths: tuple[_Path, ...]
    items: tuple[_Item, ...]

    @property
    def batch_id(self) -> str:
        """The same runs are the same batch."""
        return str(uuid.uuid5(NAMESPACE, "/".join(run.run_id for run in self.runs())))

    def runs(self) -> list[Run]:
        """All of them."""
        return [self.run(index) for index in range(len(self.items))]

    def run(self, index: int) -> Run:
        """The run of the task with this index; raises IndexError where there is none."""
        item = self.items[index]
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
    def of(cls, runs: Sequence[Run]) -> "Batch":
        """The batch of these runs, which share the time and the caller of their request and are not forced."""
        paths = list(dict.fromkeys(_path(run) for run in runs))
        items = [
            _Item(o=run.org_slug, p=paths.index(_path(run)), d=run.date, g=run.generation, t=run.trigger_type)
            for run in runs
        ]
        first = runs[0]
        batch = cls(
            requested_at=first.requested_at, triggered_by=first.triggered_by, paths=tuple(paths), items=tuple(items)
        )
        if batch.runs() != list(runs):
            raise ValueError("the runs of a batch share all but org, pipeline, date, generation and trigger type")
        return batch


def batches(runs: Sequence[Run], size: int = LARGEST) -> Iterator[Batch]:
    """The runs in batches of this size, in their order."""
    rest = iter(runs)
    while chunk := list(islice(rest, size)):
        yield Batch.of(chunk)


def _path(run: Run) -> _Path:
    return _Path(pipeline=run.pipeline, provider=run.provider, domain=run.domain, name=run.name)
