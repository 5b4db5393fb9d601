"""Admission: a run is admitted by owning one of its org's numbered slots of the UTC day, and by nothing else.

The slot is its task's name: Cloud Tasks accepts a name once, so no counter, lock or UPDATE exists.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from threading import Lock

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.runs.run import Run, Status
from functions.runs.admission_facts import Latest
from functions.runs.queue import RunQueue, slot_task_id

PROBE_WITHIN_S = 30.0  # a full day costs two calls a slot; nobody waits longer than this for a refusal


@dataclass(frozen=True)
class Admitted:
    """Admission of a run: its slot's `task_id`; `new` is false where an identical request had taken the slot before."""

    task_id: str
    new: bool


class SlotOwners:
    """Owner of each slot of one org, day and limit, shared by the threads of one backfill: each slot is probed once.

    A slot is probed by one run at a time, and by no other once its owner is known: an owner never changes.
    """

    def __init__(self) -> None:
        self._owners: dict[int, str | None] = {}  # `None`: the task has fired
        self._locks: dict[int, Lock] = {}

    @contextmanager
    def tried_for(self, run: Run, slot: int) -> Iterator[bool]:
        """Yields whether the slot may be the run's: not if its owner is known and is another run."""
        with self._locks.setdefault(slot, Lock()):
            yield self._owners.get(slot, run.run_id) == run.run_id

    def is_of(self, run_id: str | None, slot: int) -> None:
        """Records the run that owns the slot; `None` if the slot cannot be read any more."""
        self._owners[slot] = run_id


def admit(
    queue: RunQueue, run: Run, daily_limit: int, pipelines_today: int, owners: SlotOwners | None = None
) -> Admitted | None:
    """Takes a free slot for the run; returns `None` where the day has none left.

    The count that was read before is a condition too: Google holds a used name for up to, not at least, 24 hours.
    Raises `Retry` where Cloud Tasks cannot be reached or is too slow to go through the day's slots.
    """
    if pipelines_today >= daily_limit:
        return None
    owners = owners or SlotOwners()
    give_up = time.monotonic() + PROBE_WITHIN_S
    for slot in probe_order(run.run_id, daily_limit):
        with owners.tried_for(run, slot) as may_be_ours:
            admitted = _try(queue, run, slot, owners) if may_be_ours else None
        if admitted:
            return admitted
        if may_be_ours and time.monotonic() > give_up:
            raise Retry(Code.CLOUD_TASKS_SLOW, "Cloud Tasks is too slow to look for a free slot.")
    return None


def _try(queue: RunQueue, run: Run, slot: int, owners: SlotOwners) -> Admitted | None:
    task_id = slot_task_id(run.org_slug, run.requested_date, slot)
    new = queue.create(task_id, run)
    owner = run.run_id if new else queue.owner(task_id)
    owners.is_of(owner, slot)
    return Admitted(task_id, new) if owner == run.run_id else None


def probe_order(run_id: str, daily_limit: int) -> Iterator[int]:
    """All slot numbers, starting where the run_id's hash points: equal requests meet, others rarely collide."""
    start = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8], "big") % daily_limit
    return ((start + step) % daily_limit for step in range(daily_limit))


def answered_by(latest: Latest, day: date, force_refresh: bool) -> bool:
    """Whether the date's newest run answers a request, which then starts none.

    A run that was requested on its own date saw an unfinished day, so a later request runs again.
    """
    if latest.status in (Status.PENDING, Status.RUNNING):
        return True
    provisional = latest.requested_date <= day
    return latest.status is Status.SUCCESS and not force_refresh and not provisional


def next_generation(latest: Latest | None) -> int:
    """Number of the generation after this run; 1 without one."""
    return latest.generation + 1 if latest else 1
