"""One container = one run, its own or that of its task in a batch. Entry point of the image: `python -m jobs.main`."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from cloudact import logs
from cloudact.batches import BATCH_VARIABLE, Batch
from cloudact.errors import ConfigError
from cloudact.runs import MESSAGE_VARIABLE, Run
from cloudact.settings import Settings
from jobs.composition import compose
from jobs.engine import DONE, TERMINATED, work
from jobs.execution import Execution
from jobs.termination import Terminated, raise_on_sigterm

log = logging.getLogger(__name__)
Message = TypeVar("Message", Run, Batch)
UNUSABLE = 2  # the message or the environment is wrong; trying again would not help, but someone must see it


def main(env: Mapping[str, str]) -> int:
    """Runs the run that the environment names and answers the exit code."""
    logs.configure()
    raise_on_sigterm()
    try:
        settings = Settings.from_env(env)
        execution = Execution.from_env(env, settings.task_max_retries)
        logs.begin(execution=execution.name, task_index=execution.task_index, attempt=execution.attempt)
        run = read_run(env, execution.task_index)
        logs.know(run_id=run.run_id, org_slug=run.org_slug, pipeline=run.pipeline)
        job = compose(settings)
    except ConfigError as err:
        log.critical(str(err))
        return UNUSABLE
    except Terminated:
        return TERMINATED
    log.info("run taken up", extra={"fields": {"date": run.date}})
    code = work(job, run, execution)
    log.log(logging.INFO if code == DONE else logging.WARNING, "exit code %d", code)
    return code


def read_run(env: Mapping[str, str], task_index: int) -> Run:
    """The run of this task: the message on the queue, as `functions` wrote it."""
    given = [name for name in (MESSAGE_VARIABLE, BATCH_VARIABLE) if env.get(name)]
    if len(given) != 1:
        found = "both are set" if given else "neither is"
        raise ConfigError(f"Exactly one of {MESSAGE_VARIABLE} and {BATCH_VARIABLE} says what to do, but {found}.")
    if given == [MESSAGE_VARIABLE]:
        return _parsed(Run, MESSAGE_VARIABLE, env)
    batch = _parsed(Batch, BATCH_VARIABLE, env)
    try:
        return batch.run(task_index)
    except IndexError as err:
        raise ConfigError(f"{BATCH_VARIABLE} has {len(batch.items)} runs, none for task {task_index}.") from err


def _parsed(kind: type[Message], name: str, env: Mapping[str, str]) -> Message:
    try:
        return kind.model_validate_json(env[name])
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or name}: {e['msg']}" for e in err.errors())
        raise ConfigError(f"{name} does not hold a {kind.__name__.lower()}: {wrong}.") from err


if __name__ == "__main__":
    sys.exit(main(os.environ))
