"""When the events of a run's steps can be read: together where steps are short, and soon where one is long."""

import pytest
import requests

from cloudact.errors import Retry
from cloudact.pipelines.registry import load_registry
from cloudact.runs.ledger import Ledger
from cloudact.runs.run import Status
from cloudact.warehouse.bigquery import open_warehouse
from jobs.container import Execution
from jobs.progress import RunProgress, StepProgress
from providers import PROVIDERS
from tests.conftest import NOON, Local, NewOrgs, SteppedClock
from tests.jobs.conftest import steps
from tests.jobs.test_usage_cost_run import llm_run


class Story:
    """A run of two steps, told at the speed of the test."""

    def __init__(self, local: Local, new_org: NewOrgs, patience_s: float = 60) -> None:
        self.local, self.clock = local, SteppedClock()
        self.run = llm_run(new_org(), "openai")
        ledger = Ledger(open_warehouse(local.settings, patience_s))
        execution = Execution("runner-abc", 0, 0, last_attempt=True)
        self.progress = RunProgress(ledger, self.run, execution, NOON, self.clock, None)

    def step(self, index: int) -> StepProgress:
        """A step of the pipeline that ships."""
        registry = load_registry(self.local.settings.configs_dir, PROVIDERS)
        step = registry.config(registry.get(self.run.pipeline)).steps[index]
        return self.progress.step(index, step)

    @property
    def told(self) -> list[tuple[str, list[str]]]:
        """Status and messages of each step, as readers see them."""
        return [(each["status"], [told["text"] for told in each["messages"]]) for each in steps(self.local, self.run)]


@pytest.fixture
def story(local: Local, new_org: NewOrgs) -> Story:
    return Story(local, new_org)


def test_short_steps_are_told_together(story: Story) -> None:
    """Nothing is told of steps that take less than two seconds until the run's own next event, which comes after."""
    for index in range(2):
        step = story.step(index)
        step.started()
        step.message("read")
        step.update("at work")
        step.succeeded(1)
    assert story.told == []
    story.progress.tell()
    assert story.told == [("SUCCESS", ["read"]), ("SUCCESS", ["read"])]


def test_a_long_step_is_told_while_it_works(story: Story) -> None:
    """After two seconds each sign of life tells what has happened, and a step's start how the one before ended."""
    first, second = story.step(0), story.step(1)
    first.started()
    story.clock.advance(seconds=1)
    first.update("at work")
    assert story.told == []
    story.clock.advance(seconds=1)
    first.update("at work")
    assert story.told == [("RUNNING", [])]
    story.clock.advance(seconds=2)
    first.message("page 2")
    assert story.told == [("RUNNING", ["page 2"])]
    story.clock.advance(seconds=2)
    first.succeeded(5)
    second.started()
    assert story.told == [("SUCCESS", ["page 2"]), ("RUNNING", [])]


def test_a_failure_is_told_at_once(story: Story) -> None:
    """A step that fails is told with everything before it."""
    story.step(0).started()
    step = story.step(1)
    step.started()
    step.failed("no")
    assert [status for status, _ in story.told] == [Status.RUNNING, Status.FAILED]


def test_what_could_not_be_told_is_told_later(local: Local, new_org: NewOrgs) -> None:
    """While BigQuery is away nothing is forgotten."""
    story = Story(local, new_org, patience_s=0.2)
    faults = f"{local.settings.bigquery_endpoint}/local/faults"
    fault = {"method": "POST", "path_regex": ".*/insertAll", "status": 503, "times": 1000}
    story.step(0).started()
    requests.post(faults, json=fault, timeout=5).raise_for_status()
    try:
        with pytest.raises(Retry):
            story.progress.tell()
    finally:
        requests.delete(faults, timeout=5).raise_for_status()
    assert story.told == []
    story.progress.tell()
    assert story.told == [("RUNNING", [])]


def test_what_is_refused_is_not_sent_again(story: Story) -> None:
    """An event that BigQuery refuses for good does not keep those after it from being told."""
    step = story.step(0)
    step.succeeded("many")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="refused"):
        story.progress.tell()
    step.failed("no")
    assert story.told == [("FAILED", [])]
