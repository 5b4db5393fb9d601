"""In which order a worker of pytest-xdist imports the files of tests.

All of them import all files to collect them. In a new clone each file has to be compiled first, its asserts rewritten,
which takes as long as all the rest. Workers that begin at the same file compile it at the same time, each for itself;
so each begins elsewhere, and finds compiled what another began with.
"""

import importlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

File = TypeVar("File")


def import_in_turn(config: pytest.Config) -> None:
    """Imports what the worker will collect; what cannot be imported, collection tells of."""
    worker: dict[str, str | int] = getattr(config, "workerinput", {})
    if worker:
        number, count = int(str(worker["workerid"]).removeprefix("gw")), int(worker["workercount"])
        for file in rotated(files_of(config.args), number, count):
            with suppress(Exception):
                importlib.import_module(".".join(file.relative_to(config.rootpath).with_suffix("").parts))


def files_of(arguments: Sequence[str]) -> list[Path]:
    """Files of tests below these paths, whatever of them is asked for."""
    paths = [Path(argument.partition("::")[0]).absolute() for argument in arguments]
    found = {file for path in paths for file in ([path] if path.is_file() else path.rglob("test_*.py"))}
    return sorted(found)


def rotated(files: Sequence[File], number: int, count: int) -> list[File]:
    """The files, beginning where the share of this worker does: `number` of `count`, from 0."""
    start = len(files) * number // count
    return [*files[start:], *files[:start]]
