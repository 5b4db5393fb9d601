"""Processes of ours that outlive their parent: which ones are ended, and which are never touched."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from localcloud.process_records import Identity, ProcessRecords, identity_by_ps, identity_of
from tests.processes import started_program

SLEEP = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]


@pytest.fixture
def sleeping() -> Iterator["Popen[str]"]:
    with started_program(SLEEP, {"PATH": os.environ["PATH"]}) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process


def test_what_was_recorded_is_ended(tmp_path: Path, sleeping: "Popen[str]") -> None:
    """A process that still runs is ended and counted, once."""
    records = ProcessRecords(tmp_path / "processes")
    records.add(sleeping.pid)
    assert (records.end_all(), records.end_all()) == (1, 0)
    assert sleeping.wait(10) == -15


def test_what_was_seen_to_end_is_forgotten(tmp_path: Path, sleeping: "Popen[str]") -> None:
    """A removed record ends nothing."""
    records = ProcessRecords(tmp_path)
    records.add(sleeping.pid)
    records.remove(sleeping.pid)
    assert (records.end_all(), sleeping.poll()) == (0, None)


@pytest.mark.parametrize("field", ["began", "command"])
def test_an_id_that_another_program_has_now_is_left_alone(tmp_path: Path, sleeping: "Popen[str]", field: str) -> None:
    """The process with the recorded id is not ended if it began at another time, or is another program."""
    records = ProcessRecords(tmp_path)
    records.add(sleeping.pid)
    path = tmp_path / str(sleeping.pid)
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: "other"}))
    assert (records.end_all(), sleeping.poll(), path.exists()) == (0, None, False)


@pytest.mark.parametrize("identity", [identity_of, identity_by_ps])
def test_a_process_that_has_ended_has_no_identity(
    sleeping: "Popen[str]", identity: Callable[[int], Identity | None]
) -> None:
    """It has one that stays while it runs, and none once it has ended, also where nobody has waited for it yet."""
    found = identity(sleeping.pid)
    assert found is not None
    assert (found.command.startswith(sys.executable), identity(sleeping.pid)) == (True, found)
    sleeping.kill()
    os.waitid(os.P_PID, sleeping.pid, os.WEXITED | os.WNOWAIT)
    assert identity(sleeping.pid) is None


def test_a_broken_record_is_dropped(tmp_path: Path) -> None:
    """A record that was cut short by a crash names nobody."""
    (tmp_path / "1").write_text('{"pid": 1,')
    assert (ProcessRecords(tmp_path).end_all(), list(tmp_path.iterdir())) == (0, [])
