"""Ownership of a state folder: one local stack at a time, known by its process id and where its API is.

The lock is the kernel's, so it ends with its process, however that ends.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

FILE = "owner.json"
WRITTEN_WITHIN_S = 1.0


@dataclass(frozen=True)
class Owner:
    """The process that owns a state folder; `api_url` is empty until its API answers, `pid` 0 if it is not known."""

    pid: int
    api_url: str = ""

    def __str__(self) -> str:
        """Words in which a person is told of it."""
        return f"pid {self.pid}, {self.api_url or 'still starting'}" if self.pid else "its pid cannot be read"


class AlreadyRunning(Exception):
    """Raised where another process owns the folder."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(f"The local cloud runs already: {owner}.")
        self.owner = owner


@contextmanager
def owning(state: Path) -> Iterator[Callable[[str], None]]:
    """Owns the folder meanwhile; yields a callable that tells others the URL of the API. Raises `AlreadyRunning`."""
    state.mkdir(parents=True, exist_ok=True)
    with _locked(state / FILE) as file:
        _write(file, Owner(os.getpid()))
        yield lambda api_url: _write(file, Owner(os.getpid(), api_url))


@contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    while True:
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(_read(file)) from None
            if _is_at(file, path):
                yield file
                return
        path.parent.mkdir(parents=True, exist_ok=True)  # the folder was deleted since we opened the file


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _write(file: TextIO, owner: Owner) -> None:
    file.seek(0)
    file.truncate()
    file.write(json.dumps(asdict(owner)))
    file.flush()


def _read(file: TextIO) -> Owner:
    """The owner, who may be about to write; one that does not is not known."""
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    while True:
        file.seek(0)
        try:
            return Owner(**json.loads(file.read()))
        except (ValueError, TypeError):
            if time.monotonic() > deadline:
                return Owner(0)
        time.sleep(0.02)
