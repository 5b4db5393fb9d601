"""Repeats an act of the job while its failure may pass."""

from collections.abc import Callable
from typing import TypeVar

import stamina

from cloudact.errors import Exhausted, Retry

Done = TypeVar("Done")


def patiently(act: Callable[[], Done]) -> Done:
    """Calls the act up to three times while its failure may pass: every step may be repeated."""
    for attempt in stamina.retry_context(on=_worth_repeating, attempts=3, timeout=None, wait_initial=0.5, wait_max=20):
        with attempt:
            done = act()
    return done


def _worth_repeating(err: Exception) -> bool:
    """Whether repeating may help here: loads and calls of providers were repeated already."""
    return isinstance(err, Retry) and not isinstance(err, Exhausted)
