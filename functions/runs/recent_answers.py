"""Answers that started nothing, given again for some seconds to the same request of the same org.

Whoever repeats a refused trigger or a dry run in a loop costs one admission in that time, and not one each round.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from flask import Response

from cloudact.clock import Clock, next_midnight
from functions.auth.cache import ExpiringMap
from functions.auth.limits import ANSWER_TTL, ANSWERS
from functions.web.problems import Problem

Asked: TypeAlias = tuple[str, Hashable, Hashable]
"""The org, what it was asked for, and with which words: all that the answer depends on beside the stored state."""


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

    def refuses(self, asked: Asked) -> bool:
        """Whether the request was refused lately."""
        return isinstance(self._told(asked), Problem)

    def raise_refusal(self, asked: Asked) -> None:
        """Raises the `Problem` that the request was refused with lately, if it was."""
        told = self._told(asked)
        if isinstance(told, Problem):
            raise told.with_traceback(None)

    @contextmanager
    def keeping_refusals(self, asked: Asked, asked_at: datetime) -> Iterator[None]:
        """Keeps the `Problem` that is raised within, from facts of `asked_at`."""
        try:
            yield
        except Problem as problem:
            self._keep(asked, problem, asked_at)
            raise

    def answer(self, asked: Asked) -> Response | None:
        """Answer that the request got lately, as a response of its own; `None` where there is none."""
        told = self._told(asked)
        return Response(told.body, told.status, [*told.headers]) if isinstance(told, _Answer) else None

    def keep(self, asked: Asked, response: Response, asked_at: datetime) -> Response:
        """Keeps the response, which is from facts of `asked_at`, and returns it."""
        answer = _Answer(response.get_data(), response.status_code, tuple(response.headers))
        self._keep(asked, answer, asked_at)
        return response

    def _keep(self, asked: Asked, told: "Problem | _Answer", asked_at: datetime) -> None:
        until = min(asked_at + ANSWER_TTL, next_midnight(asked_at))
        self._kept.put(asked, (self._changes.peek(asked[0]), told), until)

    def _told(self, asked: Asked) -> "Problem | _Answer | None":
        kept = self._kept.peek(asked)
        return kept[0][1] if kept and kept[0][0] == self._changes.peek(asked[0]) else None


@dataclass(frozen=True)
class _Answer:
    """What a response was made of: bytes, since the shapes of 366 dates take ten times as much memory."""

    body: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
