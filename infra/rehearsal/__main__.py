"""`python -m infra.rehearsal [--state FOLDER] [--stack FILE] -- COMMAND…`: what it runs reaches a recorder only.

`--state` keeps what the command made, for the next one; its `requests.jsonl` has the requests, and `checked.json` how
many of them were checked against Google's schemas. With `--stack` the functions that it deploys are those of a local
cloud that runs. The exit code is that of the command.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.discovery.check import REFUSED, tally
from infra.rehearsal.local_stack import LocalStack
from infra.rehearsal.offline import offline
from infra.rehearsal.recorder import Recorder
from infra.rehearsal.versions import installed, pinned, warning


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and prints how many requests it made."""
    parser = argparse.ArgumentParser(prog="python -m infra.rehearsal", description=__doc__)
    parser.add_argument("--state", type=Path, help="a folder that keeps what commands make, and their requests")
    parser.add_argument("--stack", type=Path, help="the stack.json of a local cloud that runs")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        stack = LocalStack.from_file(options.stack) if options.stack else None
        return rehearse(options.command, options.state or Path(scratch), stack)


def rehearse(command: Sequence[str], folder: Path, stack: LocalStack | None = None) -> int:
    """Runs the command against a recorder, and returns its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    with Recorder(folder, stack) as recorder:
        done = subprocess.run(command, env=offline(os.environ, folder, recorder.url), check=False)
        changing = sum(request.changes for request in recorder.requests)
        checked = tally().counts()
        (folder / "checked.json").write_text(json.dumps(checked), encoding="utf-8")
        sys.stderr.write(
            f"rehearsal: {len(recorder.requests)} requests, {changing} of them change something;"
            f" {checked.get(REFUSED, 0)} are not as Google's schemas have them\n" + warning(installed(), pinned())
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
