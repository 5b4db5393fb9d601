"""What one execution really runs: the job's template with the overrides of `jobs.run` applied. Pure."""

from datetime import timedelta

from google.cloud import run_v2

from localcloud.google_apis.rest.errors import InvalidArgument, Unimplemented
from localcloud.google_apis.wire_types import Container, ExecutionTemplate, TaskTemplate

# https://cloud.google.com/run/quotas and the container contract.
MOST_TASKS = 10_000
MOST_RETRIES = 10
DEFAULT_RETRIES = 3
DEFAULT_TIMEOUT = timedelta(minutes=10)
LONGEST_TIMEOUT = timedelta(hours=168)

Overrides = run_v2.RunJobRequest.Overrides


def complete_template(template: ExecutionTemplate) -> None:
    """Fill in Google's defaults of a job and check its limits. Raises InvalidArgument."""
    tasks = template.template
    template.task_count = template.task_count or 1
    tasks.timeout = tasks.timeout or DEFAULT_TIMEOUT
    if "max_retries" not in tasks:  # presence matters: 0 is a choice, not a default
        tasks.max_retries = DEFAULT_RETRIES
    if not tasks.containers:
        raise InvalidArgument("Job must have at least one container.")
    if not 0 <= tasks.max_retries <= MOST_RETRIES:
        raise InvalidArgument(f"max_retries must be between 0 and {MOST_RETRIES}.")
    _check(template)


def overridden(template: ExecutionTemplate, overrides: Overrides) -> ExecutionTemplate:
    """A copy of the job's template for one execution. Raises InvalidArgument."""
    result = run_v2.ExecutionTemplate(template)
    result.task_count = overrides.task_count or result.task_count
    result.template.timeout = overrides.timeout or result.template.timeout
    for override in overrides.container_overrides:
        _override_container(result.template, override)
    _check(result)
    return result


def _override_container(template: TaskTemplate, override: Overrides.ContainerOverride) -> None:
    container = next((c for c in template.containers if override.name in ("", c.name)), None)
    if container is None:
        raise InvalidArgument(f"Container '{override.name}' of the overrides does not exist in the job.")
    if override.args or override.clear_args:
        container.args = list(override.args)
    env = {variable.name: variable for variable in (*container.env, *override.env)}
    container.env = list(env.values())


def _check(template: ExecutionTemplate) -> None:
    if not 0 < template.task_count <= MOST_TASKS:
        raise InvalidArgument(f"task_count must be between 1 and {MOST_TASKS}.")
    if not 0 <= template.parallelism <= template.task_count:
        # "Must be <= task_count": Execution.parallelism in the discovery document of run.v2. An override counts too:
        # https://github.com/googleapis/google-cloud-node/issues/4908. Whether Google enforces it today is not known.
        raise InvalidArgument(
            f"parallelism is {template.parallelism}; it must be <= task_count, {template.task_count}."
        )
    if not timedelta(0) < template.template.timeout <= LONGEST_TIMEOUT:
        raise InvalidArgument("timeout must be between 1s and 168h.")
    for container in template.template.containers:
        _check_env(container)


def _check_env(container: Container) -> None:
    reserved = sorted(variable.name for variable in container.env if variable.name.startswith("CLOUD_RUN_"))
    if reserved:
        raise InvalidArgument(f"The following reserved env names were provided: {', '.join(reserved)}.")
    if any("value_source" in variable for variable in container.env):
        raise Unimplemented("Secrets as environment variables are not part of the local cloud.")
