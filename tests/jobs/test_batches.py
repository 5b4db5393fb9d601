"""Batches in containers: each task of an execution finds its own run, and nothing else."""

import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud.run_v2 import ExecutionsClient

from cloudact.errors import ConfigError
from cloudact.runs.batch import BATCH_VARIABLE, Batch
from cloudact.runs.run import MESSAGE_VARIABLE, Run
from jobs.main import read_runs
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import detail
from tests.localcloud.google_apis.conftest import client

WITHIN_S = 60.0


def started(local: Local, batch: Batch) -> str:
    """Starts the batch as a task on the queue does, and answers the execution's name."""
    override = {"env": [{"name": BATCH_VARIABLE, "value": batch.model_dump_json()}]}
    body = {"overrides": {"containerOverrides": [override], "taskCount": len(batch.tasks)}}
    headers = {"Authorization": "Bearer ya29.local"}
    answer = requests.post(local.settings.job_run_url, json=body, headers=headers, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["metadata"]["name"])


def finished(local: Local, name: str) -> Any:
    """The execution, once all of its tasks have ended."""
    executions = client(ExecutionsClient, local.settings.run_endpoint)
    deadline = time.monotonic() + WITHIN_S
    while not (execution := executions.get_execution(name=name)).completion_time:
        assert time.monotonic() < deadline, "the execution does not end"
        time.sleep(0.1)
    return execution


def test_a_batch_of_three(local: Local, new_org: NewOrgs) -> None:
    """Three runs of two orgs are worked on by the three tasks of one execution, each exactly once."""
    orgs = new_org(), new_org()
    for org in orgs:
        load_fixture_export(local, org)
    runs = [billing_run(orgs[0]), billing_run(orgs[1]), billing_run(orgs[0], date(2026, 11, 2))]
    execution = finished(local, started(local, Batch.of(runs)))
    assert (execution.succeeded_count, execution.task_count) == (3, 3)
    told = [detail(local, run) for run in runs]
    assert [each["status"] for each in told] == ["SUCCESS"] * 3
    assert {(each["execution"], each["execution_tasks"]) for each in told} == {(execution.name.rpartition("/")[2], 3)}
    claims: list[Any] = [local.warehouse.job(run.claim_id) for run in runs]
    assert [claim.parameters["execution"].rpartition("/")[2] for claim in claims] == ["0", "1", "2"]


def test_a_batch_whose_tasks_have_several_runs(local: Local, new_org: NewOrgs) -> None:
    """Two tasks work on two runs of their org each, and every line of their logs tells of which run it is."""
    orgs = new_org(), new_org()
    for org in orgs:
        load_fixture_export(local, org)
    runs = [billing_run(org, day) for org in orgs for day in (FIXTURE_DAY, date(2026, 11, 2))]
    batch = Batch.of(runs, task_runs=2)
    execution = finished(local, started(local, batch))
    assert (execution.succeeded_count, execution.task_count) == (2, 2)
    told = [detail(local, run) for run in runs]
    assert [(each["status"], each["execution_tasks"]) for each in told] == [("SUCCESS", 4)] * 4
    for task in range(2):
        log = Path(execution.log_uri.removeprefix("file://")) / f"{task}-0.log"
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        assert list(dict.fromkeys(line["run_id"] for line in lines)) == [run.run_id for run in batch.of_task(task)]
        assert {(line["org_slug"], line["task_index"]) for line in lines} == {(orgs[task].org_slug, task)}


def some_run(day: date = FIXTURE_DAY) -> Run:
    return billing_run(OnboardedOrg("acme", "", {}), day)


def test_a_task_beyond_the_batch() -> None:
    """An index that the batch has no run for is named, as any message that cannot be used."""
    batch = Batch.of([some_run(), some_run(date(2026, 11, 2))])
    env = {BATCH_VARIABLE: batch.model_dump_json()}
    assert read_runs(env, 1) == ([some_run(date(2026, 11, 2))], 2)
    with pytest.raises(ConfigError, match="has 2 tasks, none for index 2"):
        read_runs(env, 2)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "neither is"),
        ({MESSAGE_VARIABLE: "{}", BATCH_VARIABLE: "{}"}, "both are set"),
        ({BATCH_VARIABLE: json.dumps({"items": []})}, "CLOUDACT_BATCH does not hold a batch"),
        ({MESSAGE_VARIABLE: "x"}, "CLOUDACT_RUN does not hold a run"),
    ],
)
def test_a_message_that_cannot_be_used(env: dict[str, str], message: str) -> None:
    """Neither, both, or something else is named in plain words."""
    with pytest.raises(ConfigError, match=message):
        read_runs(env, 0)
