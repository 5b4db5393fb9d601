"""Builds a run of a pipeline of the registry."""

import datetime as dt

from cloudact.pipelines.registry import Entry
from cloudact.runs.run import Run, TriggerType


def new_run(
    entry: Entry,
    org_slug: str,
    date: dt.date,
    generation: int,
    *,
    trigger_type: TriggerType,
    triggered_by: str,
    requested_at: dt.datetime,
    force_refresh: bool = False,
) -> Run:
    """One generation of the entry's pipeline for an org and a UTC date, as it travels on the queue."""
    return Run(
        org_slug=org_slug,
        pipeline=entry.id,
        provider=entry.provider,
        domain=entry.domain,
        name=entry.pipeline,
        date=date,
        generation=generation,
        trigger_type=trigger_type,
        triggered_by=triggered_by,
        requested_at=requested_at,
        force_refresh=force_refresh,
    )
