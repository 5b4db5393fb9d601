"""Records of started processes, which outlive their parent: what a killed one leaves behind is found and ended.

A process is known by its id, when it began and its command line, so an id that the system has given to another program
since is never taken for ours.
"""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud.whole_files import write_whole

STOP_WITHIN_S = 15.0
STARTED_WITHIN_S = 5.0
_BEGAN = 19  # of the words after the name in /proc/<pid>/stat: 22 in proc(5)


@dataclass(frozen=True)
class Identity:
    """A process that runs. `began` is what the system says, in its own unit."""

    pid: int
    began: str
    command: str


class ProcessRecords:
    """A folder with a file for each process that was started and not yet seen to end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, pid: int) -> None:
        """Remembers a child that has just been started."""
        identity = _identity_after_start(pid)
        if identity is None:  # it has ended already
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / str(pid), json.dumps(asdict(identity)).encode())

    def remove(self, pid: int) -> None:
        """Forgets a child that has ended."""
        (self._folder / str(pid)).unlink(missing_ok=True)

    def end_all(self) -> int:
        """Ends what still runs, the last started first, and forgets everything; how many it was."""
        ended = 0
        for path in sorted(self._folder.glob("[0-9]*"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
            ended += _end(_read(path))
            path.unlink(missing_ok=True)
        return ended


def identity_of(pid: int) -> Identity | None:
    """Identity of a process; None if it has ended, also where nobody has waited for it yet."""
    return _of_proc(pid) if Path("/proc/self/stat").exists() else identity_by_ps(pid)


def _identity_after_start(pid: int) -> Identity | None:
    """Identity with its command line, which a program has only some moments after its parent has been told of it."""
    deadline = time.monotonic() + STARTED_WITHIN_S
    while (identity := identity_of(pid)) and not identity.command and time.monotonic() < deadline:
        time.sleep(0.001)
    return identity


def _read(path: Path) -> Identity | None:
    try:
        return Identity(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return None


def _end(recorded: Identity | None) -> bool:
    """SIGTERM, and SIGKILL to its group if it stays; whether it ran."""
    if recorded is None or not _runs(recorded):
        return False
    with suppress(ProcessLookupError):
        os.kill(recorded.pid, signal.SIGTERM)
        if not _ended_within(recorded, STOP_WITHIN_S):
            os.killpg(recorded.pid, signal.SIGKILL)  # each is started as the leader of a session
            _ended_within(recorded, STOP_WITHIN_S)
    return True


def _ended_within(recorded: Identity, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _runs(recorded):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _runs(recorded: Identity) -> bool:
    return identity_of(recorded.pid) == recorded


def _of_proc(pid: int) -> Identity | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return None
    words = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return None if words[0] in "ZX" else Identity(pid, words[_BEGAN], command.strip("\0").replace("\0", " "))


def identity_by_ps(pid: int) -> Identity | None:
    """Identity where there is no /proc."""
    asked = ["ps", "-ww", "-o", "stat=,lstart=,command=", "-p", str(pid)]
    done = subprocess.run(asked, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False)
    state, *words = done.stdout.split() or ["Z"]
    return None if state.startswith("Z") else Identity(pid, " ".join(words[:5]), " ".join(words[5:]))
