"""Gives up dates whose runs have failed for a week: tells the org and the log, then records it.

The record is an event of the date's newest failed run of the service's own, after its end, so it changes no status. It
comes last: a call that dies in between is followed by one that tells again, under the same name. What could not be
sent is left to the next call.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby

from cloudact import logs
from cloudact.notify.notifications import dates_given_up
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Run, Status
from functions.schedule.collaborators import Schedule

log = logging.getLogger(__name__)
AT_ONCE = 4  # notifications; each mostly waits for Google
MOST = 1000  # notifications of one call, some minutes of it; after an outage the next calls tell the rest


def give_up(api: Schedule, runs: Sequence[Run]) -> int:
    """Gives up the dates of these failed runs, and returns for how many a notification was sent."""
    by_pipeline = [list(group) for _, group in groupby(runs, key=lambda run: (run.org_slug, run.pipeline))]
    if len(by_pipeline) > MOST:
        log.warning("dates to give up are left to the next call", extra={"fields": {"left": len(by_pipeline) - MOST}})
    with ThreadPoolExecutor(AT_ONCE) as threads:
        told = [*threads.map(logs.with_context(partial(_tell, api)), by_pipeline[:MOST])]
    over = [run for group, was_told in zip(by_pipeline, told, strict=False) if was_told for run in group]
    now = api.clock()
    api.ledger.append_runs([(run, RunEvent(Status.FAILED, key="/given_up")) for run in over], now)
    return len(over)


def _tell(api: Schedule, runs: Sequence[Run]) -> bool:
    return api.notifier.notify(dates_given_up(runs, api.clock()))
