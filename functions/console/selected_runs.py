"""Several runs of the list cancelled or retried at once: each as by its own page, with one sentence for all."""

import datetime as dt
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from flask import Response, copy_current_request_context

from cloudact import logs
from functions.console.collaborators import Console
from functions.console.flash import flash_text
from functions.console.forms import read_form
from functions.console.pages import go
from functions.console.sessions import Visit, back_to, visit
from functions.runs.cancel_retry import cancel_run, retry_run
from functions.runs.history import WantedRun, read_wanted
from functions.web.problems import Problem, bad_field

AT_ONCE = 8  # each mostly waits for BigQuery
PREFIX = "run_"
ACTS = {"cancel": "cancelled", "retry": "retried"}


def act_on_selected(console: Console, org: str) -> Response:
    """303 back to the list, which says how many runs were cancelled or retried, and why others were not."""
    visited, now = visit(console, org), console.clock()
    form = read_form(console, visited.session)
    act, back = form.get("act", ""), back_to(form.get("back"))
    if act not in ACTS:
        raise bad_field("act", f"must be one of {', '.join(ACTS)}")
    wanted = [
        read_wanted(name.removeprefix(PREFIX), day or None) for name, day in form.items() if name.startswith(PREFIX)
    ]
    if not wanted:
        return go(back, flash_text(console.signer, "bad", "No run was chosen: tick those that are meant."))
    refusals = _all(console, visited, act, wanted, now)
    refused = [each for each in refusals if each]
    text = _summary(ACTS[act], len(wanted) - len(refused), refused)
    return go(back, flash_text(console.signer, "bad" if refused else "good", text))


def _all(console: Console, visited: Visit, act: str, wanted: Sequence[WantedRun], now: dt.datetime) -> list[str]:
    """Refusal of each run in the order of the runs; empty for one that was not refused."""
    one = partial(_one, console, visited, act, now)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        tasks = [copy_current_request_context(logs.with_context(partial(one, each))) for each in wanted]
        return [future.result() for future in [threads.submit(task) for task in tasks]]


def _one(console: Console, visited: Visit, act: str, now: dt.datetime, wanted: WantedRun) -> str:
    try:
        if act == "cancel":
            cancel_run(console.runs, visited.org, wanted)
            return ""
        answer = json.loads(retry_run(console.runs, visited.actor, wanted, now).get_data())
    except Problem as problem:
        if problem.status >= 500:
            raise
        return problem.detail
    return str(answer["message"]) if answer["deduplicated"] else ""


def _summary(done: str, number: int, refused: Sequence[str]) -> str:
    first = f"{number} {'run was' if number == 1 else 'runs were'} {done}."
    if not refused:
        return first
    return f"{first} {len(refused)} {'was' if len(refused) == 1 else 'were'} not: {' '.join(dict.fromkeys(refused))}"
