"""Child processes of the local stack: each on loopback, with a log file, ended by its pid."""

import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from cloudact.settings import ROOT
from localcloud.process_records import STOP_WITHIN_S, ProcessRecords

READY_WITHIN_S = 60.0
UNASKED = range(20_000, 32_000)  # below the ports that Linux and macOS give to who asks for any


Undisturbed = Callable[[], AbstractContextManager[None]]


class NotStarted(RuntimeError):
    """Raised where a program ends, or stays silent, before it is ready."""


class Processes:
    """Starts programs one after another and stops them in reverse order, whatever happens in between.

    Each is recorded while it runs. A start, and the stop of all, are `undisturbed` by signals.
    """

    def __init__(self, log_dir: Path, records: ProcessRecords, undisturbed: Undisturbed = nullcontext) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._log_dir = log_dir
        self._records = records
        self._undisturbed = undisturbed
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        """Starts `python <arguments>`; its output goes to `<log_dir>/<name>.log`."""
        with self._undisturbed(), (self._log_dir / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=dict(env),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
            )
            self._running.append((name, process))
            self._records.add(process.pid)

    def wait_ready(self, name: str, url: str) -> None:
        """Until the program answers HTTP at `url`; raises `NotStarted` if it ends or stays silent."""
        process = dict(self._running)[name]
        deadline = time.monotonic() + READY_WITHIN_S
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(f"{name} did not start:\n{self._tail(name)}")
            time.sleep(0.05)

    def ended(self) -> str | None:
        """The name of a program that has ended by itself."""
        return next((name for name, process in self._running if process.poll() is not None), None)

    def stop(self) -> None:
        """Ends every program, the last started first."""
        with self._undisturbed():
            while self._running:
                _name, process = self._running.pop()
                process.terminate()
                try:
                    process.wait(STOP_WITHIN_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(STOP_WITHIN_S)
                self._records.remove(process.pid)

    def _tail(self, name: str) -> str:
        log = (self._log_dir / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(log.splitlines()[-20:])


def free_port(preferred: int = 0) -> int:
    """The preferred loopback port if nobody has it, else another one.

    Whoever is to listen there takes seconds to start, so it is one that the system gives to no connection meanwhile.
    """
    for port in filter(None, (preferred, *(secrets.choice(UNASKED) for _ in range(100)))):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no loopback port is free")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own loopback address
    except urllib.error.HTTPError:
        return True  # any status is an answer
    except OSError:
        return False
    return True
