"""One attempt of one task: a real subprocess in the place of a container."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.google_apis.wire_types import Container
from localcloud.process_records import ProcessRecords

_INHERITED = ("PATH", "HOME", "LANG")


@dataclass(frozen=True)
class Images:
    """What an image is here: `entrypoints` maps image → argv (`*` is any image); all run in `cwd`."""

    entrypoints: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cwd: Path | None = None

    def command(self, container: Container) -> list[str]:
        """The container's own command, else the image's, followed by the args. May be empty."""
        any_image = self.entrypoints.get("*", ())
        entrypoint = list(container.command) or list(self.entrypoints.get(container.image, any_image))
        return entrypoint + list(container.args)


def environment(container: Container, identity: Mapping[str, str]) -> dict[str, str]:
    """The variables of the process: a minimum of ours, the job's, and those that Cloud Run sets."""
    ours = {name: value for name, value in os.environ.items() if _is_inherited(name)}
    return ours | {variable.name: variable.value for variable in container.env} | dict(identity)


def _is_inherited(name: str) -> bool:
    return name in _INHERITED or name.startswith("PYTHON")


class ContainerProcess:
    """A started process whose output goes to a log file, recorded until it ends. Raises OSError if it cannot start."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, log: Path, records: ProcessRecords
    ) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self._ended = threading.Event()
        self._records = records
        records.add(self._process.pid)

    def wait(self, timeout_s: float, grace_s: float) -> int:
        """The exit code; past the timeout the process is stopped as Cloud Run does."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop(grace_s)
            self._process.wait()
        self.kill()  # nothing outlives a container's first process
        self._records.remove(self._process.pid)
        self._ended.set()
        return self._process.returncode

    def stop(self, grace_s: float) -> None:
        """SIGTERM to the first process, SIGKILL to all after the grace (10 s in the container contract)."""
        self._process.terminate()
        threading.Thread(target=self._kill_after, args=(grace_s,), daemon=True).start()

    def _kill_after(self, grace_s: float) -> None:
        if not self._ended.wait(grace_s):
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole session."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
