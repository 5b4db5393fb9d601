"""The page *Run*: its steps on a line of time, messages, result, error; followed while it goes on."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from cloudact import logs
from cloudact.runs.result import Result, plain
from cloudact.runs.run import Status
from functions.console.actions import done, started
from functions.console.collaborators import Console
from functions.console.forms import read_form
from functions.console.pages import fragment, page
from functions.console.runs_page import RunLine, run_path
from functions.console.sessions import Visit, visit
from functions.console.words import CHANGE, COMPLETENESS, STATUS, status_kind
from functions.runs.cancel_retry import cancel_run, retry_run
from functions.runs.history import WantedRun, read_wanted, run_detail, wait_for_run
from functions.runs.live import etag_of
from functions.web.answers import Message, RunDetail, Step

WAIT_S = 20
SCALE = 1000  # units of width of the line of time


@dataclass(frozen=True)
class StepLine:
    """Step with its place on the line of time: `x` and `width` in thousandths of the run."""

    step: Step
    status: str
    kind: str
    x: int
    width: int


@dataclass(frozen=True)
class MessageLine:
    """Message with the name of its step."""

    step: str
    message: Message


@dataclass(frozen=True)
class Money:
    """Amount of one currency, exactly as it was loaded."""

    currency: str
    amount: str


@dataclass(frozen=True)
class Change:
    """What a run found against the generation before."""

    path: str
    generation: int
    rows: int
    money: Sequence[Money]


def show_run(console: Console, org: str, run_id: str) -> Response:
    """200 with the run's page."""
    visited = visit(console, org)
    detail = run_detail(console.runs, org, _wanted(run_id))
    return page(console, visited, "run.html", **_shown(console, detail))


def show_live(console: Console, org: str, run_id: str) -> Response:
    """200 with the part of the page that changes, once it has changed or after some seconds."""
    visited = visit(console, org)
    etag = request.args.get("etag", "")
    logs.bind(wait_s=WAIT_S)  # the latency of such a request says nothing
    outcome = wait_for_run(console.runs, org, _wanted(run_id), lambda known: known == etag, WAIT_S)
    return fragment(console, visited, "run_live.html", **_shown(console, outcome.reading.detail, outcome.again_s or 0))


def cancel(console: Console, org: str, run_id: str) -> Response:
    """303 to the run, which is cancelled or says why not."""
    _, wanted = _posted(console, org, run_id)
    return done(console, lambda: cancel_run(console.runs, org, wanted), _back(org, wanted), _sentence)


def retry(console: Console, org: str, run_id: str) -> Response:
    """303 to the next generation, or to the run, which says why there is none."""
    visited, wanted = _posted(console, org, run_id)
    return started(
        console, org, lambda: retry_run(console.runs, visited.actor, wanted, console.clock()), _back(org, wanted)
    )


def _sentence(answer: Mapping[str, Any]) -> str:
    return f"{answer['message']}."


def _posted(console: Console, org: str, run_id: str) -> tuple[Visit, WantedRun]:
    visited = visit(console, org)
    read_form(console, visited.session)
    return visited, _wanted(run_id)


def _wanted(run_id: str) -> WantedRun:
    return read_wanted(run_id, request.args.get("requested_date"))


def _back(org: str, wanted: WantedRun) -> str:
    day = wanted.requested_date
    return run_path(org, wanted.run_id, day) if day else f"/console/{org}/runs/{wanted.run_id}"


def _shown(console: Console, detail: RunDetail, again_s: int = 0) -> dict[str, Any]:
    """What the template of a run shows. `again_s`: seconds after which to ask again, where it could not wait."""
    now, final = console.clock(), detail.status.final
    oldest_first = request.args.get("order") == "oldest"
    own = {"requested_date": detail.requested_date.isoformat()} | ({"order": "oldest"} if oldest_first else {})
    base = f"/console/{detail.org_slug}/runs/{detail.run_id}"
    messages = [MessageLine(step.step_name, message) for step in detail.steps for message in step.messages]
    messages.sort(key=lambda line: line.message.at, reverse=not oldest_first)
    other = {"requested_date": own["requested_date"]} | ({} if oldest_first else {"order": "oldest"})
    return {
        "detail": detail,
        "line": RunLine.of(detail),
        "words": STATUS[detail.status],
        "kind": status_kind(detail.status),
        "final": final,
        "steps": _steps(detail, now),
        "messages": messages,
        "oldest_first": oldest_first,
        "order_path": f"{base}?{urlencode(other)}#messages",
        "live_path": f"{base}/live?{urlencode(own | {'etag': etag_of(detail)})}",
        "again_s": again_s,
        "action_query": f"?requested_date={own['requested_date']}",
        "base": base,
        "retryable": detail.status in (Status.FAILED, Status.CANCELLED),
        "completeness": COMPLETENESS[detail.result.completeness] if detail.result else "",
        "loaded": _money(detail.result.fingerprint.cost) if detail.result else [],
        "change": _change(detail.org_slug, detail.result) if detail.result else None,
        "cause": CHANGE[detail.result.cause] if detail.result and detail.result.cause else "",
        "elapsed_ms": _elapsed_ms(detail, now),
    }


def _elapsed_ms(detail: RunDetail, now: dt.datetime) -> float | None:
    """Milliseconds that the run has taken, or has been at work until now; `None` before its start."""
    if detail.started_at is None or detail.duration_ms is not None:
        return detail.duration_ms
    return max((now - detail.started_at) / dt.timedelta(milliseconds=1), 0.0) if not detail.status.final else None


def _steps(detail: RunDetail, now: dt.datetime) -> list[StepLine]:
    begin = detail.started_at
    end = detail.completed_at or now
    whole = max((end - begin) / dt.timedelta(seconds=1), 0.001) if begin else 1.0

    def place(at: dt.datetime | None) -> int:
        spent = (at - begin) / dt.timedelta(seconds=1) if at and begin else whole
        return round(min(max(spent / whole, 0.0), 1.0) * SCALE)

    return [
        StepLine(
            step,
            STATUS[step.status],
            status_kind(step.status),
            min(place(step.started_at), SCALE - 8) if step.started_at else 0,
            max(place(step.completed_at or end) - place(step.started_at), 8) if step.started_at else 0,
        )
        for step in detail.steps
    ]


def _money(cost: Mapping[str, Decimal]) -> list[Money]:
    return [Money(name, plain(amount)) for name, amount in sorted(cost.items())]


def _change(org: str, result: Result) -> Change | None:
    if result.previous is None or result.difference is None:
        return None
    path = f"/console/{org}/runs/{result.previous.run_id}"
    return Change(path, result.previous.generation, result.difference.rows, _money(result.difference.cost))
