"""POST /ops/daily: everything that is due, in batches. Safe to call at any time, twice at once, or after a crash.

A batch's runs are told PENDING before its task is created, so a later call sees what an earlier one had decided: it
creates the tasks that are missing, by their names, and plans only what is in no batch yet.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import compress, count, islice

from flask import Response, jsonify, request

from cloudact import logs
from cloudact.batches import Batch, batches
from cloudact.ledger import RunEvent
from cloudact.runs import Run, Status, TriggerType
from functions.composition import Api
from functions.owed import read_facts
from functions.parameters import body_object, only_known
from functions.planning import plan
from functions.queue import batch_task_id

log = logging.getLogger(__name__)
AT_ONCE = 4  # batches: each is a streaming insert and then a CreateTask, and mostly waits for Google


def daily(api: Api) -> Response:
    """What was planned, and what was found from before; raises `Retry` half-way where Google cannot be reached."""
    body_object(request, allowed=())
    only_known(request.args, allowed=())
    now = api.clock()
    facts = read_facts(api.ledger, api.registry, now.date())
    runs = plan(facts.owed, now, facts.turns())
    found, new = list(facts.unstarted()), list(batches(runs, api.batch_size))
    created = [*_each(api.queue.create_batch, found, 0), *_each(partial(_start, api), new, len(found))]
    told = {
        "planned": len(runs),
        "started": sum(len(batch.items) for batch in created),
        "batches": len(created),
        "already": len(facts.batched),
        "orgs": len({run.org_slug for run in runs}),
        **_kinds(runs, now.date() - dt.timedelta(days=1)),
    }
    log.info("the daily runs are queued", extra={"fields": {"event": "daily_queued", **told}})
    return jsonify(told)


def _each(create: Callable[[Batch, int], bool], chosen: Sequence[Batch], place: int) -> Iterator[Batch]:
    """Those whose task is new. A few at a time, so that where Google cannot be reached no more is begun."""
    places = count(place)
    rest = iter(chosen)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while few := list(islice(rest, AT_ONCE)):
            yield from compress(few, list(threads.map(logs.carried(create), few, places)))


def _start(api: Api, batch: Batch, place: int) -> bool:
    batch_id = batch.batch_id
    task_id = batch_task_id(batch_id)
    events = [
        (run, RunEvent(Status.PENDING, key=f"/{batch_id}", task_id=task_id, batch_id=batch_id, batch_index=index))
        for index, run in enumerate(batch.runs())
    ]
    api.ledger.append_runs(events, batch.requested_at)
    return api.queue.create_batch(batch, place)


def _kinds(runs: Sequence[Run], yesterday: dt.date) -> dict[str, int]:
    restatements = sum(run.trigger_type is TriggerType.RESTATEMENT for run in runs)
    old = sum(run.date < yesterday for run in runs)
    return {"catch_up": old - restatements, "restatements": restatements}
