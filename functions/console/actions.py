"""Outcomes of forms, as the API's own functions answer them: the page that follows says whatever the answer is."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response

from cloudact.error_codes import Code
from functions.console.collaborators import Console
from functions.console.flash import flash_text
from functions.console.pages import go
from functions.web.problems import Problem

Sentence = Callable[[Mapping[str, Any]], str]


def done(console: Console, act: Callable[[], Response], back: str, say: Sentence) -> Response:
    """303 back to the page of the form, which says what came of it; a refusal too, but for a service that is away."""
    try:
        answer = json.loads(act().get_data())
    except Problem as problem:
        if problem.status >= 500:
            raise
        return go(back, flash_text(console.signer, "bad", problem.detail))
    return go(back, flash_text(console.signer, "good", say(answer)))


def started(console: Console, org: str, act: Callable[[], Response], back: str) -> Response:
    """303 to the run that was started or that answers already; to the page of the form where none was."""
    try:
        answer = json.loads(act().get_data())
    except Problem as problem:
        if problem.status >= 500:
            raise
        mend = (f"/console/{org}/settings", "Look at the integrations")
        return go(back, flash_text(console.signer, "bad", problem.detail, *_mended_by(problem, mend)))
    path = f"/console/{org}/runs/{answer['run_id']}?requested_date={answer['requested_date']}"
    return go(path, flash_text(console.signer, "good", f"{answer['message']}."))


def _mended_by(problem: Problem, settings: tuple[str, str]) -> tuple[str, ...]:
    """Path where a person mends what the problem is about, and its words; nothing where there is none."""
    return settings if problem.code == Code.INTEGRATION_MISSING else ()
