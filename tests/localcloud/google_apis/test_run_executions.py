"""Executions while they run: attempts, stops, counts, capacity."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, GoogleAPICallError
from google.cloud import run_v2

from localcloud.google_apis.local_cloud import LocalCloud, Settings
from localcloud.google_apis.run.container import Images
from tests.localcloud.google_apis.conftest import LOCATION, client, ended, shell_job, wait_until

JOB = f"{LOCATION}/jobs/runner"
Reason = run_v2.Condition.ExecutionReason


def start(jobs: Any, job: run_v2.Job) -> Any:
    """Create the job and run it; returns the operation."""
    jobs.create_job(parent=LOCATION, job=job, job_id="runner").result(timeout=5)
    return jobs.run_job(name=JOB)


def logs(settings: Settings, execution: run_v2.Execution) -> dict[str, str]:
    """The output of every attempt, by `<task>-<attempt>`."""
    folder = settings.state_dir / "logs" / execution.name.rpartition("/")[2]
    return {file.stem: file.read_text() for file in folder.glob("*.log")}


def test_a_failed_attempt_is_repeated_in_the_same_execution(jobs: Any, settings: Settings) -> None:
    """A task that fails is started again in the same execution, with the next attempt number."""
    script = 'echo "$CLOUD_RUN_EXECUTION"; test "$CLOUD_RUN_TASK_ATTEMPT" = 2'
    execution = ended(start(jobs, shell_job(script, max_retries=3)))
    assert (execution.succeeded_count, execution.failed_count, execution.retried_count) == (1, 0, 1)
    name = execution.name.rpartition("/")[2] + "\n"
    assert logs(settings, execution) == {"0-0": name, "0-1": name, "0-2": name}


def test_a_task_past_its_retries_fails_the_execution(jobs: Any, executions: Any, settings: Settings) -> None:
    """With max_retries 0 one failed attempt fails the task, the execution and the operation."""
    operation = start(jobs, shell_job("echo sorry >&2; exit 3", max_retries=0))
    with pytest.raises(GoogleAPICallError):
        ended(operation)
    execution = executions.get_execution(name=operation.metadata.name)
    assert (execution.failed_count, execution.succeeded_count, execution.retried_count) == (1, 0, 0)
    assert execution.conditions[0].execution_reason == Reason.NON_ZERO_EXIT_CODE
    assert logs(settings, execution) == {"0-0": "sorry\n"}


def test_a_killed_process_is_a_failed_attempt(jobs: Any) -> None:
    """A container that dies of SIGKILL (out of memory) counts as a failed attempt and is retried."""
    script = 'test "$CLOUD_RUN_TASK_ATTEMPT" = 1 || kill -9 $$'
    execution = ended(start(jobs, shell_job(script, max_retries=1)))
    assert (execution.succeeded_count, execution.retried_count) == (1, 1)


def test_the_timeout_is_per_attempt(jobs: Any, settings: Settings) -> None:
    """An attempt that exceeds the timeout is stopped and has failed; the next one has the full time again."""
    operation = start(jobs, shell_job("exec sleep 60", max_retries=1, timeout={"nanos": 100_000_000}))
    with pytest.raises(GoogleAPICallError):
        ended(operation)
    assert set(logs(settings, operation.metadata)) == {"0-0", "0-1"}


def test_cancelling_stops_the_running_tasks(jobs: Any, executions: Any, settings: Settings) -> None:
    """cancel_execution sends SIGTERM, starts no further task or retry; its operation ends with the execution."""
    script = "trap 'echo stopped; exit 0' TERM; echo up; sleep 60 & wait"
    operation = start(jobs, shell_job(script, task_count=3, parallelism=1))
    wait_until(lambda: logs(settings, operation.metadata) == {"0-0": "up\n"})
    cancelled = ended(executions.cancel_execution(name=operation.metadata.name))
    assert (cancelled.cancelled_count, cancelled.failed_count, cancelled.succeeded_count) == (3, 0, 0)
    assert cancelled.conditions[0].execution_reason == Reason.CANCELLED
    assert logs(settings, cancelled) == {"0-0": "up\nstopped\n"}
    with pytest.raises(GoogleAPICallError):
        ended(operation)


def test_who_ignores_sigterm_is_killed(settings: Settings, start_cloud: Callable[[Settings], LocalCloud]) -> None:
    """After the grace period (10 s at Google) SIGKILL ends what ignores SIGTERM, children included."""
    cloud = start_cloud(replace(settings, grace_s=0.1))
    jobs, executions = client(run_v2.JobsClient, cloud.url), client(run_v2.ExecutionsClient, cloud.url)
    operation = start(jobs, shell_job("trap '' TERM; echo up; while :; do sleep 0.05; done"))
    wait_until(lambda: logs(settings, operation.metadata) == {"0-0": "up\n"})
    assert ended(executions.cancel_execution(name=operation.metadata.name)).cancelled_count == 1


def test_counts_are_seen_while_it_runs(jobs: Any, executions: Any) -> None:
    """executions.get shows running tasks, and no completion time, until the execution ends."""
    name = start(jobs, shell_job("exec sleep 60", task_count=2)).metadata.name
    wait_until(lambda: executions.get_execution(name=name).running_count == 2)
    execution = executions.get_execution(name=name)
    assert execution.completion_time is None
    assert execution.conditions[0].state == run_v2.Condition.State.CONDITION_RECONCILING


def test_a_finished_execution_cannot_be_cancelled(jobs: Any, executions: Any) -> None:
    """Cancelling a finished execution changes nothing and is refused."""
    execution = ended(start(jobs, shell_job("true")))
    with pytest.raises(BadRequest):
        executions.cancel_execution(name=execution.name)


def test_every_task_knows_its_index(jobs: Any, settings: Settings) -> None:
    """One execution runs task_count tasks, numbered by CLOUD_RUN_TASK_INDEX from 0."""
    execution = ended(start(jobs, shell_job('echo "$CLOUD_RUN_TASK_INDEX"', task_count=5)))
    assert execution.succeeded_count == 5
    assert logs(settings, execution) == {f"{index}-0": f"{index}\n" for index in range(5)}


ALONE = 'mkdir "$0" || exit 9; sleep 0.03; rmdir "$0"'  # fails when two run at once


def test_parallelism_limits_one_execution(jobs: Any, tmp_path: Path) -> None:
    """No more than `parallelism` tasks of an execution run at once."""
    job = shell_job(ALONE, task_count=4, parallelism=1, max_retries=0)
    job.template.template.containers[0].args = [str(tmp_path / "lock")]
    assert ended(start(jobs, job)).succeeded_count == 4


def test_the_region_limits_all_executions(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud], tmp_path: Path
) -> None:
    """What exceeds the region's capacity waits, and runs when there is room."""
    jobs = client(run_v2.JobsClient, start_cloud(replace(settings, max_running=1)).url)
    job = shell_job(ALONE, task_count=2, max_retries=0)
    job.template.template.containers[0].args = [str(tmp_path / "lock")]
    operations = [start(jobs, job), jobs.run_job(name=JOB), jobs.run_job(name=JOB)]
    assert [ended(operation).succeeded_count for operation in operations] == [2, 2, 2]


def test_an_image_stands_for_a_command(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud], tmp_path: Path
) -> None:
    """A job without a command runs its image's entry point, here a registered argv, with the job's args."""
    images = Images({"registry/runner": ["sh", "-c", 'pwd; echo "$0"']}, cwd=tmp_path)
    jobs = client(run_v2.JobsClient, start_cloud(replace(settings, images=images)).url)
    job = run_v2.Job(template={"template": {"containers": [{"image": "registry/runner", "args": ["go"]}]}})
    execution = ended(start(jobs, job))
    assert logs(settings, execution) == {"0-0": f"{tmp_path}\ngo\n"}


def test_what_cannot_start_fails(jobs: Any, settings: Settings) -> None:
    """A container that cannot be started is a failed attempt; its log says why."""
    job = run_v2.Job(template={"template": {"containers": [{"image": "unknown"}], "max_retries": 0}})
    operation = start(jobs, job)
    with pytest.raises(GoogleAPICallError):
        ended(operation)
    assert "image 'unknown' is not known" in logs(settings, operation.metadata)["0-0"]


def test_one_waits_until_none_runs(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud], tmp_path: Path
) -> None:
    """Whoever waits for the region to be idle is told whether it is, by then; no execution runs after that."""
    cloud = start_cloud(settings)
    jobs = client(run_v2.JobsClient, cloud.url)
    operation = start(jobs, shell_job(f"until test -e {tmp_path}/go; do sleep 0.02; done"))
    assert cloud.region.wait_idle(0) is False
    (tmp_path / "go").touch()
    assert cloud.region.wait_idle(60) is True
    execution = client(run_v2.ExecutionsClient, cloud.url).get_execution(name=operation.metadata.name)
    assert execution.succeeded_count == 1
