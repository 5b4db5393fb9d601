"""`python -m infra.rehearsal [--state FOLDER] [--stack FILE] -- COMMAND…`: what it runs reaches a recorder only.

`--state` keeps what the command made, for the next one; requests are in its `requests.jsonl`. With `--stack` the
functions that it deploys are those of a local cloud that runs. The exit code is that of the command.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.rehearsal.local_stack import LocalStack
from infra.rehearsal.offline import offline
from infra.rehearsal.recorder import Recorder


def main(arguments: Sequence[str]) -> int:
    """Runs the command and says how many requests it made."""
    parser = argparse.ArgumentParser(prog="python -m infra.rehearsal", description=__doc__)
    parser.add_argument("--state", type=Path, help="a folder that keeps what commands make, and their requests")
    parser.add_argument("--stack", type=Path, help="the stack.json of a local cloud that runs")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        stack = LocalStack.from_file(given.stack) if given.stack else None
        return rehearse(given.command, given.state or Path(scratch), stack)


def rehearse(command: Sequence[str], folder: Path, stack: LocalStack | None = None) -> int:
    """The command's exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    with Recorder(folder, stack) as recorder:
        done = subprocess.run(command, env=offline(os.environ, folder, recorder.url), check=False)
        changing = sum(request.changes for request in recorder.requests)
        sys.stderr.write(f"rehearsal: {len(recorder.requests)} requests, {changing} of them change something\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
