"""Whether a run is still wanted is asked every five seconds, and no more often."""

from jobs.heartbeat import CancellationCheck
from tests.conftest import SteppedClock


def test_it_looks_every_five_seconds() -> None:
    """However often it is called, it asks once in five seconds."""
    clock, asked = SteppedClock(), []
    check = CancellationCheck(lambda: asked.append(clock.now), clock)
    for _ in range(100):
        clock.advance(seconds=0.2)
        check()
    assert len(asked) == 4
