"""One container = one run. Entry point of the job's image: `python -m jobs.main`."""

import logging
import os
import sys
from collections.abc import Mapping

from pydantic import ValidationError

from cloudact import logs
from cloudact.errors import ConfigError
from cloudact.runs import MESSAGE_VARIABLE, Run
from cloudact.settings import Settings
from jobs.composition import compose
from jobs.engine import DONE, TERMINATED, work
from jobs.execution import Execution
from jobs.termination import Terminated, raise_on_sigterm

log = logging.getLogger(__name__)
UNUSABLE = 2  # the message or the environment is wrong; trying again would not help, but someone must see it


def main(env: Mapping[str, str]) -> int:
    """Runs the run that the environment names and answers the exit code."""
    logs.configure()
    raise_on_sigterm()
    try:
        settings = Settings.from_env(env)
        run = read_run(env)
        execution = Execution.from_env(env, settings.task_max_retries)
        job = compose(settings)
    except ConfigError as err:
        log.critical(str(err))
        return UNUSABLE
    except Terminated:
        return TERMINATED
    log.info("run taken up", extra={"fields": {"run_id": run.run_id, "org_slug": run.org_slug, "date": run.date}})
    code = work(job, run, execution)
    log.log(logging.INFO if code == DONE else logging.WARNING, "exit code %d", code)
    return code


def read_run(env: Mapping[str, str]) -> Run:
    """The message on the queue, as `functions` wrote it."""
    try:
        return Run.model_validate_json(env.get(MESSAGE_VARIABLE, ""))
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or MESSAGE_VARIABLE}: {e['msg']}" for e in err.errors())
        raise ConfigError(f"{MESSAGE_VARIABLE} does not hold a run: {wrong}.") from err


if __name__ == "__main__":
    sys.exit(main(os.environ))
