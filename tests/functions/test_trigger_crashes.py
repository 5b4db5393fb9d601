"""A trigger that dies at any of its calls, and a client that asks again: one run, one slot, one effect.

The first trigger of a key at an instance makes 4 calls (the look at the key, query, CreateTask, insertAll); one whose
first slot is another run's makes 6 (the look, query, CreateTask, GetTask, CreateTask, insertAll): killed before and
after each, 20 crash points. The client asks again at once, after the job has run, or between the two: 60 stories, of
which the suite tells eight and the bench all.
"""

import datetime as dt
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.cloud.tasks_v2 import Task

from cloudact import clients
from cloudact.runs.run import Run, run_id
from cloudact.settings import Settings
from functions.composition import compose
from functions.routes import public_app
from functions.runs.admission import probe_order
from functions.runs.queue import run_in
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, SteppedClock, billing_run, load_fixture_export
from tests.fault_proxy import Doorman
from tests.jobs.conftest import RunJob, detail, run_job, table
from tests.processes import started_processes

__all__ = ["run_job"]
WITHIN_S = 60.0
LIMIT = 3  # one for a neighbour, one for the run, and the second that SPEC §8 lets it take
MOMENTS = ("before", "after")
CALLS = {
    False: ["queries", "queries", "tasks", "insertAll"],
    True: ["queries", "queries", "tasks", "tasks/", "tasks", "insertAll"],
}
Ask = Callable[[OnboardedOrg], BaseProcess]


def ask(client: FlaskClient, org: OnboardedOrg, date: dt.date) -> Any:
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    return client.post(path, headers={"X-API-Key": org.api_key}, json={"date": date.isoformat()})


def run_function(settings: Settings, org: OnboardedOrg, output: str) -> None:
    """One request in an instance of its own."""
    with open(output, "a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    answer = ask(public_app(compose(settings, SteppedClock())).test_client(), org, FIXTURE_DAY)
    os._exit(0 if answer.status_code == 202 else 1)


class Doors:
    """Every call of an instance passes here, to BigQuery and to Cloud Tasks, counted together."""

    def __init__(self, local: Local) -> None:
        self.bigquery = Doorman(local.settings.bigquery_endpoint)
        self.google = Doorman(local.google.url)
        self.google.seen, self.google.acts = self.bigquery.seen, self.bigquery.acts
        self.seen, self.at = self.bigquery.seen, self.bigquery.at
        changes = {"bigquery_endpoint": self.bigquery.url, "tasks_endpoint": self.google.url}
        self.settings = local.settings.model_copy(update=changes)

    def close(self) -> None:
        self.bigquery.close()
        self.google.close()


@pytest.fixture
def doors(local: Local) -> Iterator[Doors]:
    doors = Doors(local)
    yield doors
    doors.close()


@pytest.fixture
def instance(doors: Doors, tmp_path: Any) -> Iterator[Ask]:
    """Starts an instance of the function that is asked for the org's run; none outlives the test."""
    with started_processes() as start:
        yield lambda org: start(run_function, doors.settings, org, str(tmp_path / "function.log"))


def queued(local: Local, org: OnboardedOrg) -> list[Any]:
    """The org's tasks that start the run of the fixture's day."""
    request = {"parent": local.settings.queue_path, "response_view": Task.View.FULL}
    tasks = [task for task in clients.tasks(local.settings).list_tasks(request=request) if org.org_slug in task.name]
    return [task for task in tasks if run_in(task.http_request.body).date == FIXTURE_DAY]


def fire(local: Local, org: OnboardedOrg) -> list[Run]:
    """Takes the tasks off the queue, as Cloud Tasks does once jobs.run has answered."""
    tasks = queued(local, org)
    for task in tasks:
        clients.tasks(local.settings).delete_task(name=task.name)
    return [run_in(task.http_request.body) for task in tasks]


def neighbour(org: OnboardedOrg) -> dt.date:
    """Another date whose run looks for a slot in the same order."""
    wanted = list(probe_order(billing_run(org).run_id, LIMIT))
    days = (FIXTURE_DAY - dt.timedelta(days=n) for n in range(1, 100))
    return next(d for d in days if list(probe_order(run_id(org.org_slug, "gcp_billing", d, 1), LIMIT)) == wanted)


def killed_at(number: int, moment: str, org: OnboardedOrg, instance: Ask, doors: Doors) -> None:
    """Asks, and kills the instance with SIGKILL at its n-th call."""
    doors.seen.clear()
    victim: list[BaseProcess] = []
    doors.at(number, moment, lambda: os.kill(victim[0].pid or 0, signal.SIGKILL))
    victim.append(instance(org))
    victim[0].join(WITHIN_S)
    assert victim[0].exitcode == -signal.SIGKILL


class Story:
    """An org, its client, and an instance that dies."""

    def __init__(self, local: Local, org: OnboardedOrg, api: FlaskClient, run_job: RunJob, contended: bool) -> None:
        self.local, self.org, self.api, self.run_job, self.contended = local, org, api, run_job, contended
        load_fixture_export(local, org)
        if contended:
            assert ask(api, org, neighbour(org)).status_code == 202

    def asks_again(self) -> None:
        answer = ask(self.api, self.org, FIXTURE_DAY)
        assert answer.status_code in (200, 202), answer.get_json()
        assert answer.get_json()["run_id"] == billing_run(self.org).run_id

    def jobs_run(self, runs: list[Run]) -> None:
        for number, run in enumerate(runs):
            assert self.run_job(run, execution=f"runner-{number}") == 0

    def told(self) -> tuple[list[Any], dict[str, Any], int]:
        sql = f"SELECT pipelines_today FROM organizations.org_usage_quotas WHERE org_slug = '{self.org.org_slug}'"
        run = detail(self.local, billing_run(self.org))
        counted = max(row["pipelines_today"] for row in self.local.query(sql))
        return table(self.local, self.org), run, counted - self.contended

    def ends_well(self) -> None:
        """SUCCESS, counted once, its rows in the table; a second delivery and another request change nothing."""
        rows, run, counted = self.told()
        assert (run["status"], run["rows_processed"], counted) == ("SUCCESS", len(rows), 1)
        assert rows
        self.jobs_run([billing_run(self.org)])
        self.asks_again()
        assert (queued(self.local, self.org), self.told()) == ([], (rows, run, counted))


def again_at_once(story: Story) -> None:
    """The client asks again before the task fires."""
    story.asks_again()
    assert len(queued(story.local, story.org)) == 1
    story.jobs_run(fire(story.local, story.org))


def again_after_the_job(story: Story) -> None:
    """The client asks again when the task, if there was one, has fired and its job has run."""
    story.jobs_run(fire(story.local, story.org))
    story.asks_again()
    assert len(queued(story.local, story.org)) <= 1
    story.jobs_run(fire(story.local, story.org))


def again_before_the_job_speaks(story: Story) -> None:
    """The client asks again when the task has fired and nothing can be read of it yet."""
    fired = fire(story.local, story.org)
    story.asks_again()
    story.jobs_run(fired + fire(story.local, story.org))


MOMENTS_TO_ASK = [again_at_once, again_after_the_job, again_before_the_job_speaks]


@pytest.fixture
def check(local: Local, new_org: NewOrgs, api: FlaskClient, run_job: RunJob, instance: Ask, doors: Doors) -> Any:
    """Kills an instance at one point, goes on as told, and checks the end."""

    def check(number: int, moment: str, contended: bool, go_on: Callable[[Story], None]) -> None:
        story = Story(local, new_org(daily_limit=LIMIT), api, run_job, contended)
        killed_at(number, moment, story.org, instance, doors)
        go_on(story)
        story.ends_well()

    return check


@pytest.mark.parametrize("contended", [False, True])
def test_the_calls_of_a_trigger(
    local: Local, new_org: NewOrgs, api: FlaskClient, run_job: RunJob, instance: Ask, doors: Doors, contended: bool
) -> None:
    """These are all points there are: the calls of a trigger that nobody disturbs, and of one whose slot is taken."""
    story = Story(local, new_org(daily_limit=LIMIT), api, run_job, contended)
    process = instance(story.org)
    process.join(WITHIN_S)
    assert process.exitcode == 0
    assert len(doors.seen) == len(CALLS[contended]), doors.seen
    for call, seen in zip(CALLS[contended], doors.seen, strict=True):
        assert call in seen
    again_at_once(story)
    story.ends_well()


@pytest.mark.parametrize("number", range(1, 7))
def test_killed_after_every_call(check: Any, number: int) -> None:
    """Whatever call an instance dies at, the client that asks again gets the same run, and it is done once."""
    check(number, "after", True, again_at_once)


@pytest.mark.parametrize("go_on", [again_after_the_job, again_before_the_job_speaks])
def test_killed_after_the_task_was_created(check: Any, go_on: Callable[[Story], None]) -> None:
    """An instance that could say nothing any more has admitted the run: it is done whenever the client asks again."""
    check(5, "after", True, go_on)


def test_a_run_that_is_asked_for_again_can_be_seen(
    local: Local, new_org: NewOrgs, api: FlaskClient, run_job: RunJob, instance: Ask, doors: Doors
) -> None:
    """When an instance died before PENDING was told, the next answer's Location leads to the run."""
    story = Story(local, new_org(daily_limit=LIMIT), api, run_job, contended=False)
    killed_at(3, "after", story.org, instance, doors)
    answer = ask(api, story.org, FIXTURE_DAY)
    assert answer.status_code in (200, 202)
    shown = api.get(answer.headers["Location"], headers={"X-API-Key": story.org.api_key})
    assert (shown.status_code, shown.get_json().get("status")) == (200, "PENDING")


@pytest.mark.bench
@pytest.mark.parametrize("contended", [False, True])
@pytest.mark.parametrize("go_on", MOMENTS_TO_ASK)
def test_killed_at_every_call_in_every_story(check: Any, contended: bool, go_on: Callable[[Story], None]) -> None:
    """The same without contention too, and with a client that asks between the task and the job's first word."""
    points = [(n, moment) for n in range(1, len(CALLS[contended]) + 1) for moment in MOMENTS]
    for number, moment in points:
        check(number, moment, contended, go_on)
    sys.stdout.write(f"{len(points)} crash points, {'with' if contended else 'no'} contention, {go_on.__name__}\n")
