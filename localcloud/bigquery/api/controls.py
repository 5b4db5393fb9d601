"""`/local/…`: what tests set and ask of this server; Google has nothing like it."""

from __future__ import annotations

import os
from typing import Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel

from infra.discovery.check import tally
from localcloud.bigquery.api.access import EmulatorOf
from localcloud.bigquery.denials import Denial
from localcloud.bigquery.load_quota import LoadQuota
from localcloud.bigquery.stream_buffer import Delay
from localcloud.bigquery.tables import TableRef
from localcloud.bigquery.traffic import Fault

router = APIRouter(prefix="/local")


@router.get("/health")
async def health() -> dict[str, Any]:
    """Whether the server answers, and as which process."""
    return {"status": "ok", "pid": os.getpid()}


@router.post("/deny")
async def deny(denial: Denial, emulator: EmulatorOf) -> dict[str, Any]:
    """Take a permission away: `{"project", "permission", "table"?, "principal"?}`."""
    emulator.denials.denials = (*emulator.denials.denials, denial)
    return {"denials": [item.model_dump() for item in emulator.denials.denials]}


@router.delete("/deny")
async def allow(emulator: EmulatorOf) -> dict[str, Any]:
    """Give all permissions back."""
    emulator.denials.denials = ()
    return {"denials": []}


@router.post("/faults")
async def add_fault(fault: Fault, emulator: EmulatorOf) -> dict[str, Any]:
    """Answer coming requests with an error: `{"method", "path_regex", "status", "times", "reason"?}`."""
    emulator.traffic.faults.append(fault)
    return {"faults": [item.model_dump() for item in emulator.traffic.faults]}


@router.delete("/faults")
async def clear_faults(emulator: EmulatorOf) -> dict[str, Any]:
    """Forget all faults."""
    emulator.traffic.faults.clear()
    return {"faults": []}


class Copy(BaseModel):
    """A dataset, and another one of its project, which is there already."""

    project: str
    source: str
    target: str


@router.post("/datasets/copies")
async def copy_tables(copy: Copy, emulator: EmulatorOf) -> dict[str, Any]:
    """Make a dataset's tables in another one, empty: `{"project", "source", "target"}`. Views are left out."""
    async with emulator.turn:
        found = emulator.context.catalog.list_tables(copy.project, copy.source)
        names = [meta.table_id for meta in found if not meta.view_query]
        emulator.tables.create_all(
            (TableRef(copy.project, copy.target, name), emulator.tables.get(TableRef(copy.project, copy.source, name)))
            for name in names
        )
    return {"tables": names}


class Moment(BaseModel):
    """An instant with its time zone."""

    now: AwareDatetime


@router.post("/clock")
async def stop_clock(moment: Moment, emulator: EmulatorOf) -> dict[str, Any]:
    """Let it be `{"now": "2027-01-31T00:00:00Z"}`: what has expired by then is gone with the next request."""
    emulator.clock.stopped_at = moment.now
    return {"now": emulator.clock.now().isoformat()}


@router.delete("/clock")
async def let_clock_run(emulator: EmulatorOf) -> dict[str, Any]:
    """Follow the machine's clock again; what has expired stays gone."""
    emulator.clock.stopped_at = None
    return {"now": emulator.clock.now().isoformat()}


@router.post("/streaming")
async def delay_streams(delay: Delay, emulator: EmulatorOf) -> dict[str, Any]:
    """Rows streamed from now on can be read only after some seconds: `{"at_least_s", "at_most_s", "seed"?}`."""
    emulator.stream.delay_by(delay)
    return {"delay": delay.model_dump(), "waiting": emulator.stream.waiting}


@router.delete("/streaming")
async def undelay_streams(emulator: EmulatorOf) -> dict[str, Any]:
    """All rows can be read, and those to come at once."""
    emulator.stream.delay_by(Delay())
    async with emulator.turn:
        emulator.stream.let_in(everything=True)
    return {"waiting": emulator.stream.waiting}


@router.put("/load-quota")
async def set_load_quota(quota: LoadQuota, emulator: EmulatorOf) -> dict[str, Any]:
    """Accept so many load jobs from now on: `{"left": 0}`; the others fail with quotaExceeded, as at Google."""
    emulator.load_quota.left = quota.left
    return emulator.load_quota.model_dump()


@router.delete("/load-quota")
async def forget_load_quota(emulator: EmulatorOf) -> dict[str, Any]:
    """Accept all load jobs."""
    emulator.load_quota.left = None
    return emulator.load_quota.model_dump()


@router.get("/requests")
async def requests(emulator: EmulatorOf) -> dict[str, Any]:
    """Requests since the last reset, by Google's method name (`jobs.query`, `tabledata.insertAll`, …)."""
    counts = dict(emulator.traffic.counts)
    return {"requests": counts, "total": sum(counts.values())}


@router.delete("/requests")
async def reset_requests(emulator: EmulatorOf) -> dict[str, Any]:
    """Count from zero."""
    emulator.traffic.counts.clear()
    return {"requests": {}, "total": 0}


@router.get("/schemas")
async def schemas() -> dict[str, int]:
    """Requests that were checked against Google's schemas since the start, by API, and how many were refused."""
    return tally().counts()
