"""Whether a run is still wanted is asked every five seconds, and no more often; what is away holds no run up."""

from typing import Any, cast

import pytest

from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.pipelines.config import Step
from cloudact.pipelines.steps import StepType
from cloudact.runs.ledger import Ledger
from cloudact.runs.run import Run, Status
from jobs.container import Execution
from jobs.heartbeat import CancellationCheck, Heartbeat
from jobs.progress import RunProgress, StepProgress
from tests.conftest import NOON, SteppedClock


def test_it_looks_every_five_seconds() -> None:
    """However often it is called, it asks once in five seconds."""
    clock, asked = SteppedClock(), []
    check = CancellationCheck(lambda: asked.append(clock.now), clock)
    for _ in range(100):
        clock.advance(seconds=0.2)
        check()
    assert len(asked) == 4


class AwayLedger:
    """A ledger that nothing reaches until it is back; a try takes a minute."""

    def __init__(self, clock: SteppedClock) -> None:
        self.clock, self.away, self.tries = clock, True, 0
        self.told: list[object] = []

    def look(self) -> None:
        """Raises `Retry` while it is away."""
        self.tries += 1
        if self.away:
            self.clock.advance(seconds=60)
            raise Retry(Code.BIGQUERY_UNAVAILABLE, "away")

    def append_steps(self, _run: object, events: list[object]) -> None:
        """Keeps the events."""
        self.look()
        self.told += events

    def step(self) -> StepProgress:
        """The only step of a run that is told to it."""
        execution = Execution("e", 0, 0, last_attempt=True)
        run = RunProgress(cast("Ledger", self), cast("Run", None), execution, NOON, self.clock, None)
        return run.step(0, Step.model_construct(name="extract", processor="x", type=StepType.REPORTS))


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def ledger(clock: SteppedClock) -> AwayLedger:
    return AwayLedger(clock)


@pytest.mark.parametrize("checks", [True, False], ids=["check", "append"])
def test_a_run_goes_on_while_bigquery_is_away(clock: SteppedClock, ledger: AwayLedger, checks: bool) -> None:
    """Of five minutes of work not each second waits a minute for a beat, and nothing is forgotten."""
    heartbeat = Heartbeat(CancellationCheck(ledger.look if checks else lambda: None, clock), clock)
    step = ledger.step()
    step.started()
    for _ in range(300):
        clock.advance(seconds=1)
        heartbeat.beat(step, "at work")
    assert 2 <= ledger.tries <= 5
    ledger.away = False
    clock.advance(seconds=60)
    heartbeat.beat(step, "at work")
    assert [each.status for each, _ in cast("list[Any]", ledger.told)][:2] == [Status.RUNNING] * 2


def test_a_failed_try_counts_as_one(clock: SteppedClock, ledger: AwayLedger) -> None:
    """Who has looked, or told, in vain does so again when it is due again, not at the next call."""
    check, step = CancellationCheck(ledger.look, clock), ledger.step()
    clock.advance(seconds=5)
    for act in (check, step.started):
        with pytest.raises(Retry):
            act()
        act()
    assert ledger.tries == 2
