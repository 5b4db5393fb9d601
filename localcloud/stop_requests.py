"""Signals that ask the local stack to stop: raised where its work may be broken off, held back where it may not.

Imports nothing of weight, so that they are understood from the first moment on.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, a terminal that is closed
AGAIN_S = 1.0


class StopRequested(BaseException):
    """Raised in the main thread by a signal. No `Exception`: nobody may take it for trouble that passes."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class StopRequests:
    """Signals of this process, from `listen` to `ignore`."""

    def __init__(self) -> None:
        self._holders = 0
        self._asked = 0
        self._pending = False

    def listen(self) -> None:
        """From now on a signal raises `StopRequested`, also where whoever started us ignores it.

        It is raised again and again until `ignore`: Python drops what is raised while it calls a finalizer.
        """
        for number in SIGNALS:
            signal.signal(number, self._arrive)
        signal.signal(signal.SIGALRM, lambda *_: self._raise())

    def ignore(self) -> None:
        """From now on a signal does nothing: everything has ended."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets a piece of work end; a signal that arrived meanwhile raises `StopRequested` after it."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if self._pending and not self._holders:
                self._raise()

    def _arrive(self, number: int, _frame: FrameType | None) -> None:
        self._asked = number
        self._raise()

    def _raise(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        self._pending = self._holders > 0
        if not self._pending:
            raise StopRequested(self._asked)
