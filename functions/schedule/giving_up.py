"""Gives up dates whose runs have failed for a week: tells the org and the log, then records it.

The record is an event of the date's newest failed run of the service's own, after its end, so it changes no status. It
follows each telling: a call that dies in between is followed by one that tells again, the same under the same name.
What could not be sent is left to the next call.
"""

import datetime as dt
import hashlib
import logging
from collections.abc import Iterable, Sequence
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
    together = _told_together(runs, api.clock())
    if len(together) > MOST:
        log.warning("dates to give up are left to the next call", extra={"fields": {"left": len(together) - MOST}})
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(logs.with_context(partial(_give_up, api)), together[:MOST]))


def _told_together(runs: Iterable[Run], now: dt.datetime) -> list[list[Run]]:
    """Runs by org, pipeline and day of request, in an order of orgs that changes from call to call.

    What was tried last on one day is given up on one day, so the next call's groups are equal even where this one
    dies. The order changes, so a thousand that cannot be sent do not hold up the others.
    """
    ordered = sorted(runs, key=lambda run: (run.org_slug, run.pipeline, run.requested_date, run.date))
    groups = groupby(ordered, key=lambda run: (run.org_slug, run.pipeline, run.requested_date))
    found = [(f"{now.isoformat()}/{org}/{pipeline}", list(group)) for (org, pipeline, _), group in groups]
    return [group for _, group in sorted(found, key=lambda each: hashlib.sha256(each[0].encode()).digest())]


def _give_up(api: Schedule, runs: Sequence[Run]) -> int:
    if not api.notifier.notify(dates_given_up(runs)):
        return 0
    api.ledger.append_runs([(run, RunEvent(Status.FAILED, key="/given_up")) for run in runs], api.clock())
    return len(runs)
