"""Who owns a state folder."""

import os
import shutil
from pathlib import Path

import pytest

from localcloud.ownership import AlreadyRunning, Owner, owning
from localcloud.program import run
from localcloud.stop_requests import StopRequests


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    """A second one is told who owns it and where its API is, as soon as that is known; afterwards it is free."""
    with owning(tmp_path / "state") as tell_url:
        with pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}, still starting"), owning(tmp_path / "state"):
            pass
        tell_url("http://127.0.0.1:8080")
        with pytest.raises(AlreadyRunning) as refused, owning(tmp_path / "state"):
            pass
        assert refused.value.owner == Owner(os.getpid(), "http://127.0.0.1:8080")
    with owning(tmp_path / "state"):
        pass


def test_an_owner_that_was_killed_owns_nothing(tmp_path: Path) -> None:
    """What a killed process wrote keeps nobody out: the lock ended with it."""
    (tmp_path / "owner.json").write_text('{"pid": 1, "api_url": "http://127.0.0.1:8080"}')
    with owning(tmp_path):
        assert f'"pid": {os.getpid()}' in (tmp_path / "owner.json").read_text()


def test_an_owner_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is told to `kill 0`, which would end their own shell: where it runs, Ctrl-C does."""
    with owning(tmp_path):
        (tmp_path / "owner.json").write_text("{")
        assert run(["reset", "--state", str(tmp_path)], StopRequests()) == 1
    told = capsys.readouterr().err
    assert ("Ctrl-C where it runs." in told, "kill" in told, "pid 0" in told) == (True, False, False)


def test_a_folder_that_its_owner_deletes(tmp_path: Path) -> None:
    """A folder that was deleted by its owner can be owned again, and only once."""
    with owning(tmp_path / "state"):
        shutil.rmtree(tmp_path / "state")
        with owning(tmp_path / "state"), pytest.raises(AlreadyRunning), owning(tmp_path / "state"):
            pass
