"""SIGTERM: Cloud Run sends it on cancel, on the task's time-out and on maintenance, ten seconds before SIGKILL."""

import signal
from types import FrameType


class Terminated(BaseException):
    """Raised when SIGTERM arrives. Not an `Exception`, so that no library's own error handling swallows it."""


class Termination:
    """Whether SIGTERM has arrived; stays set after the interrupted code has dealt with it."""

    came = False

    def _raise(self, _signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.came = True
        raise Terminated


def raise_on_sigterm() -> Termination:
    """Makes the first SIGTERM raise `Terminated` in the main thread; later ones change nothing."""
    termination = Termination()
    signal.signal(signal.SIGTERM, termination._raise)
    return termination
