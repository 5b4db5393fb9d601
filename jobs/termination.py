"""SIGTERM: Cloud Run sends it on cancel, on the task's time-out and on maintenance, ten seconds before SIGKILL."""

import signal
from types import FrameType


class Terminated(BaseException):
    """SIGTERM arrived. Not an `Exception`, so that no library's own error handling swallows it."""


def raise_on_sigterm() -> None:
    """From now on the first SIGTERM raises `Terminated` in the main thread; later ones change nothing."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
