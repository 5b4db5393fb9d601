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
        self._refusals: ExpiringMap[Asked, Problem] = ExpiringMap(clock, ANSWERS)
        self._answers: ExpiringMap[Asked, _Answer] = ExpiringMap(clock, ANSWERS)

    def refuses(self, asked: Asked) -> bool:
        """Whether the request was refused lately."""
        return self._refusals.peek(asked) is not None

    def raise_refusal(self, asked: Asked) -> None:
        """Raises the `Problem` that the request was refused with lately, if it was."""
        if kept := self._refusals.peek(asked):
            raise kept[0].with_traceback(None)

    @contextmanager
    def keeping_refusals(self, asked: Asked, asked_at: datetime) -> Iterator[None]:
        """Keeps the `Problem` that is raised within, from facts of `asked_at`."""
        try:
            yield
        except Problem as problem:
            self._refusals.put(asked, problem, _until(asked_at))
            raise

    def answer(self, asked: Asked) -> Response | None:
        """Answer that the request got lately, as a response of its own; `None` where there is none."""
        kept = self._answers.peek(asked)
        return Response(kept[0].body, kept[0].status, [*kept[0].headers]) if kept else None

    def keep(self, asked: Asked, response: Response, asked_at: datetime) -> Response:
        """Keeps the response, which is from facts of `asked_at`, and returns it."""
        answer = _Answer(response.get_data(), response.status_code, tuple(response.headers))
        self._answers.put(asked, answer, _until(asked_at))
        return response


@dataclass(frozen=True)
class _Answer:
    """What a response was made of: bytes, since the shapes of 366 dates take ten times as much memory."""

    body: bytes
    status: int
    headers: tuple[tuple[str, str], ...]


def _until(asked_at: datetime) -> datetime:
    return min(asked_at + ANSWER_TTL, next_midnight(asked_at))
