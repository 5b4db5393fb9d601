"""`python -m localcloud up [--late-streams] | demo | reset`: with it BigQuery shows streamed rows after seconds."""

import signal
import sys
import time
from collections.abc import Sequence

from localcloud.demo import run_demo
from localcloud.stack import STATE, reset, running_stack


def main(arguments: Sequence[str]) -> int:
    """Runs one command and answers the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    match list(arguments):
        case ["up", *flags] if set(flags) <= {"--late-streams"}:
            return _up(late_streams=bool(flags))
        case ["demo"]:
            return _demo()
        case ["reset"]:
            print(f"{STATE} removed" if reset() else f"{STATE} does not exist")
            return 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


def _up(*, late_streams: bool) -> int:
    with running_stack(late_streams=late_streams) as (stack, processes):
        print(f"API        {stack.api_url}/api/v1\nops        {stack.ops_url}\nBigQuery   {stack.bigquery_url}")
        for org in stack.orgs:
            print(f"{org.org_slug:<10} X-API-Key: {org.api_key}")
        print(f"All of this is in {STATE / 'stack.json'}; logs are in {STATE / 'logs'}. Ctrl-C stops.", flush=True)
        try:
            while (ended := processes.ended()) is None:
                time.sleep(0.5)
        except KeyboardInterrupt:
            print("\nstopping")
            return 0
        print(f"{ended} has ended by itself; see {STATE / 'logs' / ended}.log")
        return 1


def _demo() -> int:
    with running_stack() as (stack, _processes):
        succeeded = run_demo(stack)
    print("\nall runs succeeded" if succeeded else "\nnot every run succeeded")
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
