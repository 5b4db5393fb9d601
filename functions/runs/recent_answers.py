"""Answers that started nothing, given again for some seconds to the same request of the same org.

Whoever repeats a refused trigger or a dry run in a loop costs one admission in that time, and not one each round.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from flask import Response

from cloudact.clock import Clock, next_midnight
from functions.auth.cache import ExpiringMap
from functions.auth.limits import ANSWER_TTL, ANSWERS
from functions.web.problems import Problem


@dataclass(frozen=True)
class Asked:
    """A request: the org, what it was asked for, and with which words, all that the answer depends on beside facts.

    The facts of its answer are read after `at`, and after `change`, the org's last one that this instance had made.
    """

    org_slug: str
    verb: str
    words: Hashable
    at: datetime = field(compare=False)
    change: object = field(compare=False)


class RecentAnswers:
    """Refusals and answers by org and request, kept for five seconds and never beyond the UTC day.

    Knows no caller: whoever asks is authenticated before, and an answer to somebody who is not let in is never kept.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: ExpiringMap[Asked, tuple[object, Problem | _Answer]] = ExpiringMap(clock, ANSWERS)
        self._changes: ExpiringMap[str, object] = ExpiringMap(clock)  # the last change of each org that this made

    def changed(self, org_slug: str) -> None:
        """Forgets the org's answers until now, since this instance has changed what that depends on."""
        self._changes.put(org_slug, object(), self._clock() + ANSWER_TTL)

    def asked(self, org_slug: str, verb: str, words: Hashable, at: datetime) -> Asked:
        """Request of the org, made before any of the facts are read that its answer depends on."""
        return Asked(org_slug, verb, words, at, self._changes.peek(org_slug))

    def refuses(self, asked: Asked) -> bool:
        """Whether the request was refused lately."""
        return isinstance(self._told(asked), Problem)

    def raise_refusal(self, asked: Asked) -> None:
        """Raises a `Problem` equal to the one that the request was refused with lately, if it was."""
        told = self._told(asked)
        if isinstance(told, Problem):
            raise _again(told)

    @contextmanager
    def keeping_refusals(self, asked: Asked) -> Iterator[None]:
        """Keeps the `Problem` that is raised within."""
        try:
            yield
        except Problem as problem:
            self._keep(asked, _again(problem))
            raise

    def answer(self, asked: Asked) -> Response | None:
        """Answer that the request got lately, as a response of its own; `None` where there is none."""
        told = self._told(asked)
        return Response(told.body, told.status, [*told.headers]) if isinstance(told, _Answer) else None

    def keep(self, asked: Asked, response: Response) -> Response:
        """Keeps the response, and returns it."""
        self._keep(asked, _Answer(response.get_data(), response.status_code, tuple(response.headers)))
        return response

    def _keep(self, asked: Asked, told: "Problem | _Answer") -> None:
        until = min(asked.at + ANSWER_TTL, next_midnight(asked.at))
        self._kept.put(asked, (asked.change, told), until)

    def _told(self, asked: Asked) -> "Problem | _Answer | None":
        kept = self._kept.peek(asked)
        return kept[0][1] if kept and kept[0][0] == self._changes.peek(asked.org_slug) else None


def _again(problem: Problem) -> Problem:
    """Equal problem without a traceback or a cause, whose frames would keep whole requests."""
    return Problem(problem.status, problem.detail, problem.headers, code=problem.code, field=problem.field)


@dataclass(frozen=True)
class _Answer:
    """What a response was made of: bytes, since the shapes of 366 dates take ten times as much memory."""

    body: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
