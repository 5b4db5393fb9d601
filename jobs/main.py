"""The job's entry point, `python -m jobs.main`: one container works on one run, or on those of its task in a batch."""

import gc
import os

if __name__ == "__main__":
    gc.disable()  # nothing of what is imported is garbage
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # there are none, and to look for them takes 0.02 s

import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn, TypeVar

from pydantic import ValidationError

from cloudact import logs
from cloudact.clients import trusted_certificates
from cloudact.clock import Clock, utc_now
from cloudact.errors import ConfigError
from cloudact.runs.batch import BATCH_VARIABLE, Batch
from cloudact.runs.run import MESSAGE_VARIABLE, Run
from cloudact.settings import Settings
from jobs.attempt import TERMINATED
from jobs.composition import compose
from jobs.container import Execution
from jobs.task import work_through
from jobs.termination import Terminated, raise_on_sigterm
from providers import PROVIDERS
from providers.provider import Provider, secret_patterns

log = logging.getLogger(__name__)
Message = TypeVar("Message", Run, Batch)
UNUSABLE = 2  # the message or the environment is wrong; trying again would not help, but someone must see it


def main(env: Mapping[str, str], providers: Sequence[Provider] = PROVIDERS, clock: Clock = utc_now) -> int:
    """Works on the runs that the environment names, and returns the exit code."""
    logs.configure(secret_patterns(providers))
    termination = raise_on_sigterm()
    try:
        settings = Settings.from_env(env)
        execution = Execution.from_env(env, settings.task_max_retries)
        logs.reset(execution=execution.name, task_index=execution.task_index, attempt=execution.attempt)
        runs, of_all = read_runs(env, execution.task_index)
        threading.Thread(target=trusted_certificates, name="certificates", daemon=True).start()
        job = compose(settings, clock, providers=providers)
        gc.freeze()  # modules and collaborators live as long as the container, so no collection need look at them
        gc.enable()
        return work_through(job, runs, replace(execution, runs=of_all), termination)
    except ConfigError as err:
        log.critical(str(err))
        return UNUSABLE
    except Terminated:
        return TERMINATED


def read_runs(env: Mapping[str, str], task_index: int) -> tuple[list[Run], int]:
    """Runs of this task and number of runs of the execution, from the message that `functions` put on the queue."""
    variables = [name for name in (MESSAGE_VARIABLE, BATCH_VARIABLE) if env.get(name)]
    if len(variables) != 1:
        problem = "both are set" if variables else "neither is"
        raise ConfigError(f"Exactly one of {MESSAGE_VARIABLE} and {BATCH_VARIABLE} says what to do, but {problem}.")
    if variables == [MESSAGE_VARIABLE]:
        return [_parsed(Run, MESSAGE_VARIABLE, env)], 1
    batch = _parsed(Batch, BATCH_VARIABLE, env)
    try:
        return batch.of_task(task_index), len(batch.items)
    except IndexError as err:
        raise ConfigError(f"{BATCH_VARIABLE} has {len(batch.tasks)} tasks, none for index {task_index}.") from err


def _parsed(kind: type[Message], name: str, env: Mapping[str, str]) -> Message:
    try:
        return kind.model_validate_json(env[name])
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or name}: {e['msg']}" for e in err.errors())
        raise ConfigError(f"{name} does not hold a {kind.__name__.lower()}: {wrong}.") from err


def leave(code: int) -> NoReturn:
    """Ends the process once everything is written, without the 0.1 s in which Python takes itself apart."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(os.environ))
