"""Jobs and the start of executions."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import run_v2

from localcloud.google_apis.local_cloud import LocalCloud, Settings
from tests.localcloud.google_apis.conftest import LOCATION, client, ended, new_task, shell_job, wait_until

JOB = f"{LOCATION}/jobs/runner"


def create(jobs: Any, job: Any) -> Any:
    return jobs.create_job(parent=LOCATION, job=job, job_id="runner").result(timeout=5)


def test_a_job_has_googles_defaults(jobs: Any) -> None:
    """A job that says nothing has one task, 10 minutes and 3 retries."""
    job = create(jobs, shell_job("true"))
    template = job.template.template
    assert (job.name, job.template.task_count) == (JOB, 1)
    assert (template.timeout.total_seconds(), template.max_retries) == (600, 3)


def test_zero_retries_are_kept(jobs: Any) -> None:
    """max_retries 0 is a choice and is respected."""
    assert create(jobs, shell_job("true", max_retries=0)).template.template.max_retries == 0


def test_a_job_exists_once(jobs: Any) -> None:
    """Creating an existing job is ALREADY_EXISTS."""
    create(jobs, shell_job("true"))
    with pytest.raises(Conflict):
        create(jobs, shell_job("true"))


def test_an_unknown_job_is_not_found(jobs: Any) -> None:
    """Reading or running a job that does not exist is NOT_FOUND, in Cloud Run's words."""
    words = "Resource 'runner' of kind 'JOB' in region 'us-central1' in project 'demo' does not exist."
    for call in (jobs.get_job, jobs.run_job):
        with pytest.raises(NotFound, match=words):
            call(name=JOB)


def test_an_update_replaces_the_definition(jobs: Any) -> None:
    """update_job replaces the whole definition and counts a generation."""
    created = create(jobs, shell_job("true", max_retries=0))
    replacement = shell_job("false")
    replacement.name = JOB
    updated = jobs.update_job(job=replacement).result(timeout=5)
    assert (updated.uid, updated.generation) == (created.uid, 2)
    assert jobs.get_job(name=JOB).template.template.max_retries == 3
    assert [job.name for job in jobs.list_jobs(parent=LOCATION)] == [JOB]


def test_a_deleted_job_is_gone_with_its_executions(jobs: Any, executions: Any) -> None:
    """Deleting a job stops and removes its executions."""
    create(jobs, shell_job("exec sleep 60"))
    execution = jobs.run_job(name=JOB).metadata.name
    jobs.delete_job(name=JOB).result(timeout=5)
    for read, name in ((jobs.get_job, JOB), (executions.get_execution, execution)):
        with pytest.raises(NotFound):
            read(name=name)


def test_running_answers_before_the_execution_ends(jobs: Any) -> None:
    """run_job answers with an operation, whose metadata names the execution, as soon as that exists."""
    create(jobs, shell_job("exec sleep 60"))
    operation = jobs.run_job(name=JOB)
    assert not operation.done()
    assert operation.metadata.name.startswith(f"{JOB}/executions/runner-")


def test_the_operation_ends_with_the_execution(jobs: Any) -> None:
    """The operation of run_job finishes with the finished execution as its result."""
    create(jobs, shell_job("true"))
    execution = ended(jobs.run_job(name=JOB))
    assert (execution.succeeded_count, execution.running_count) == (1, 0)
    assert execution.completion_time
    completed = execution.conditions[0]
    assert (completed.type_, completed.state) == ("Completed", run_v2.Condition.State.CONDITION_SUCCEEDED)


def test_every_call_makes_an_execution(jobs: Any, executions: Any) -> None:
    """run_job is not idempotent: two equal calls are two executions."""
    create(jobs, shell_job("true"))
    names = [ended(jobs.run_job(name=JOB)).name for _ in range(2)]
    assert [execution.name for execution in executions.list_executions(parent=JOB)] == names[::-1]
    assert jobs.get_job(name=JOB).execution_count == 2


def test_overrides_replace_args_and_merge_env(jobs: Any, settings: Settings) -> None:
    """Overriding args replaces the job's; env is merged by name; task count and timeout are replaced."""
    job = shell_job('echo "$0 $A $B $C $CLOUD_RUN_TASK_COUNT"')
    job.template.template.containers[0].args = ["old"]
    job.template.template.containers[0].env = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    create(jobs, job)
    env = [{"name": "B", "value": "2"}, {"name": "C", "value": "2"}]
    overrides = {"container_overrides": [{"args": ["new"], "env": env}], "task_count": 2, "timeout": {"seconds": 9}}
    execution = ended(jobs.run_job(request={"name": JOB, "overrides": overrides}))
    assert read_log(settings, execution, "1-0") == "new 1 2 2 2\n"
    effective = {variable.name: variable.value for variable in execution.template.containers[0].env}
    assert effective == {"A": "1", "B": "2", "C": "2"}
    assert (execution.task_count, execution.template.timeout.total_seconds()) == (2, 9)


def test_the_environment_is_minimal(jobs: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task sees its job's variables and Cloud Run's own, not those of whoever started the local cloud."""
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "x")
    create(jobs, shell_job("env"))
    execution = ended(jobs.run_job(name=JOB))
    seen = dict(line.split("=", 1) for line in read_log(settings, execution, "0-0").splitlines())
    assert "SECRET_OF_THE_SHELL" not in seen
    assert seen["CLOUD_RUN_JOB"] == "runner"
    assert seen["CLOUD_RUN_EXECUTION"] == execution.name.rpartition("/")[2]
    assert [seen[f"CLOUD_RUN_TASK_{name}"] for name in ("INDEX", "COUNT", "ATTEMPT")] == ["0", "1", "0"]


@pytest.mark.parametrize(
    "overrides",
    [
        {"task_count": 10_001},
        {"container_overrides": [{"name": "other", "args": ["x"]}]},
        {"container_overrides": [{"env": [{"name": "CLOUD_RUN_JOB", "value": "mine"}]}]},
    ],
)
def test_impossible_overrides_are_refused(jobs: Any, executions: Any, overrides: dict[str, Any]) -> None:
    """More than 10,000 tasks, an unknown container or a reserved variable is INVALID_ARGUMENT; nothing starts."""
    create(jobs, shell_job("true"))
    with pytest.raises(BadRequest):
        jobs.run_job(request={"name": JOB, "overrides": overrides})
    assert list(executions.list_executions(parent=JOB)) == []


@pytest.mark.parametrize("of_job", [{"task_count": 1, "parallelism": 10}, {"task_count": 3, "parallelism": -1}])
def test_a_job_with_more_parallelism_than_tasks(jobs: Any, of_job: dict[str, int]) -> None:
    """It is INVALID_ARGUMENT when it is made and when it is replaced, and stays what it was."""
    with pytest.raises(BadRequest, match="parallelism"):
        create(jobs, shell_job("true", **of_job))
    create(jobs, shell_job("true", task_count=3, parallelism=3))
    changed = shell_job("true", **of_job)
    changed.name = JOB
    with pytest.raises(BadRequest, match="parallelism"):
        jobs.update_job(job=changed)
    assert jobs.get_job(name=JOB).template.parallelism == 3


def test_an_execution_with_fewer_tasks_than_the_jobs_parallelism(jobs: Any, executions: Any) -> None:
    """An override may not bring the number of tasks below the job's parallelism; nothing starts."""
    create(jobs, shell_job("true", task_count=10, parallelism=10))
    with pytest.raises(BadRequest, match="it must be <= task_count, 9"):
        jobs.run_job(request={"name": JOB, "overrides": {"task_count": 9}})
    assert list(executions.list_executions(parent=JOB)) == []
    assert ended(jobs.run_job(request={"name": JOB, "overrides": {"task_count": 11}})).succeeded_count == 11


def test_a_cloud_task_starts_a_job(
    jobs: Any, executions: Any, tasks: Any, queue: str, cloud: LocalCloud, dispatch: Callable[[], int]
) -> None:
    """A task that POSTs overrides in JSON to `…/jobs/J:run` with an OAuth token starts an execution."""
    create(jobs, shell_job("true"))
    body = b'{"overrides": {"containerOverrides": [{"env": [{"name": "RUN_ID", "value": "r1"}]}], "timeout": "900s"}}'
    token = {"service_account_email": "dispatcher@demo.iam.gserviceaccount.com"}
    url = f"{cloud.url}/v2/{JOB}:run"
    tasks.create_task(parent=queue, task=new_task(queue, url=url, body=body, oauth_token=token))
    dispatch()
    (execution,) = executions.list_executions(parent=JOB)
    assert execution.template.containers[0].env[0].value == "r1"
    assert list(tasks.list_tasks(parent=queue)) == []


@pytest.mark.parametrize("token", ["oidc_token", None])
def test_a_task_without_an_oauth_token_starts_nothing(
    jobs: Any, executions: Any, tasks: Any, queue: str, cloud: LocalCloud, dispatch: Callable[[], int],
    token: str | None,
) -> None:  # fmt: skip
    """Google's APIs refuse a task without a token, or with an OIDC token, with 401; the task stays queued."""
    create(jobs, shell_job("true"))
    tokens: dict[str, Any] = {token: {"service_account_email": "dispatcher@demo"}} if token else {}
    tasks.create_task(parent=queue, task=new_task(queue, url=f"{cloud.url}/v2/{JOB}:run", body=b"{}", **tokens))
    dispatch()
    assert list(executions.list_executions(parent=JOB)) == []
    assert cloud.traffic.summary()["run.RunJob"] == {"calls": 1, "401": 1}


def test_only_known_fields_are_accepted(jobs: Any, cloud: LocalCloud) -> None:
    """A misspelt field in the body of jobs.run is 400: overrides are never silently dropped."""
    create(jobs, shell_job("true"))
    answer = requests.post(f"{cloud.url}/v2/{JOB}:run", json={"overrides": {"taskcount": 2}}, timeout=5)
    assert answer.status_code == 400


def test_definitions_and_executions_survive_a_restart(
    settings: Settings, start_cloud: Callable[[Settings], LocalCloud]
) -> None:
    """After a restart jobs and finished executions are there; one that was running has failed (ours to define)."""
    first = start_cloud(settings)
    jobs = client(run_v2.JobsClient, first.url)
    create(jobs, shell_job('test "$0" = quick || exec sleep 60'))
    quick = {"container_overrides": [{"args": ["quick"]}]}
    finished = ended(jobs.run_job(request={"name": JOB, "overrides": quick})).name
    running = jobs.run_job(name=JOB).metadata.name
    executions = client(run_v2.ExecutionsClient, first.url)
    wait_until(lambda: executions.get_execution(name=running).running_count)
    first.stop()
    executions = client(run_v2.ExecutionsClient, start_cloud(settings).url)
    assert executions.get_execution(name=finished).succeeded_count == 1
    lost = executions.get_execution(name=running)
    assert (lost.failed_count, lost.running_count) == (1, 0)
    assert "restarted" in lost.conditions[0].message


def read_log(settings: Settings, execution: run_v2.Execution, attempt: str) -> str:
    folder = settings.state_dir / "logs" / execution.name.rpartition("/")[2]
    return (folder / f"{attempt}.log").read_text()
