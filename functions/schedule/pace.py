"""Pace of the daily call: how fast it starts containers, so that the expected work stays below the region's quotas.

How Cloud Run treats containers above the quota is not documented, so the call keeps away from it. It calculates with
the duration of runs and does not observe them: if they take longer, more are at work (docs/adr/0014).
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

from cloudact.runs.batch import Batch
from cloudact.settings import Settings

SHARE = Fraction(2, 3)  # of the region's quotas, as of its calls of jobs.run: the rest is for what people ask for
LONG_RUN_S = 300  # a task's time-out leaves each of its runs as much, fifteen times what one needs
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """Limits of the daily call: `tasks` at work at once, with an average duration `run_takes` of one run.

    No run is expected to take longer than `run_longest`, the time-out of its task.
    """

    tasks: int
    batch_tasks: int
    task_runs: int
    run_takes: timedelta
    run_longest: timedelta
    between: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Pace":
        """Pace by the region's quotas and the deployment of the job."""
        held = min(settings.region_vcpus / settings.job_cpu, settings.region_memory_gib / settings.job_memory_gib)
        tasks = max(1, int(Fraction(held) * SHARE))
        task_runs = max(1, min(settings.task_runs, settings.task_timeout_s // LONG_RUN_S, settings.batch_size))
        return cls(
            tasks=tasks,
            batch_tasks=min(tasks, settings.batch_size // task_runs),
            task_runs=task_runs,
            run_takes=timedelta(seconds=float(settings.run_seconds)),
            run_longest=timedelta(seconds=settings.task_timeout_s),
            between=timedelta(minutes=1) / settings.job_runs_per_minute,
        )

    def seen(self, mean: timedelta | None) -> "Pace":
        """Pace with the mean duration of the ledger's runs; never shorter than the settings say."""
        known = min(mean or timedelta(0), self.run_longest)
        return replace(self, run_takes=max(self.run_takes, known))

    def starts(
        self, batches: Iterable[Batch], at_work: Iterable[int] = ()
    ) -> Iterator[tuple[Batch, timedelta, timedelta]]:
        """Each batch, its start after now, and the expected end of its last task after now.

        `at_work` are the runs that are left of each task of other batches, which are at work now.
        """
        at, working = timedelta(0), sorted(runs * self.run_takes for runs in at_work)
        for number, batch in enumerate(batches):
            at += self.between if number else timedelta(0)
            while working and (working[0] <= at or len(working) + len(batch.tasks) > self.tasks):
                at = max(at, heapq.heappop(working))
            ends = [at + runs * self.run_takes for runs in batch.tasks]
            for end in ends:
                heapq.heappush(working, end)
            yield batch, at, max(ends)
