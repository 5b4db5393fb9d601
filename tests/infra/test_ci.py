"""CI tests on the Python that is deployed, wherever the machine has one that can make environments."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from cloudact.settings import ROOT

DEPLOYED = "0 0"  # exit codes: is it 3.13, has it venv and ensurepip
WITHOUT_VENV = "0 1"
ANOTHER = "1 0"


def ran(folder: Path, pythons: Mapping[str, str], node: str = "exit 0") -> subprocess.CompletedProcess[str]:
    """Runs CI's script in a checkout with these Pythons, by their path in it, and a `make` that tells its arguments.

    Nobody is root there, so the script installs nothing on this machine.
    """
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
    scripts = {"bin/make": 'echo "make $*"', "bin/pyenv": f'echo "{folder}/pyenv"'}
    scripts |= {"bin/id": "echo 1000", "bin/node": node}
    scripts |= {f"bin/{name}": "exit 0" for name in ("npm", "chromium", "chromedriver")}
    for name, codes in pythons.items():
        version, modules = codes.split()
        scripts[name] = f'case "$2" in *ensurepip*) exit {modules};; *version_info*) exit {version};; esac'
    for name, script in scripts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    path = f"{folder}/bin{os.pathsep}/usr/bin{os.pathsep}/bin"
    return subprocess.run(
        [folder / ".ci/run"], env={"PATH": path}, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"bin/python3.13": DEPLOYED}, "bin/python3.13"),
        (
            {"bin/python3.13": WITHOUT_VENV, "pyenv/versions/3.13.7/bin/python3.13": DEPLOYED},
            "pyenv/versions/3.13.7/bin/python3.13",
        ),
        ({"bin/python3.13": DEPLOYED, ".venv/bin/python": DEPLOYED}, "bin/python3.13"),
    ],
)
def test_the_deployed_python_is_tested(tmp_path: Path, pythons: Mapping[str, str], chosen: str) -> None:
    """A Python 3.13 is taken only if it can make the environment; one outside the PATH, as pyenv keeps it, too."""
    assert ran(tmp_path, pythons).stdout == f"make test PYTHON={tmp_path / chosen}\n"


def test_without_the_deployed_python(tmp_path: Path) -> None:
    """A machine that has none tests on its own, whatever the environment was made of."""
    pythons = {"bin/python3.13": WITHOUT_VENV, ".venv/bin/python": ANOTHER}
    assert ran(tmp_path, pythons).stdout == "make test PYTHON=python3\n"


def test_an_environment_of_another_python(tmp_path: Path) -> None:
    """An environment of another version would be tested instead, so it is made anew."""
    done = ran(tmp_path, {"bin/python3.13": DEPLOYED, ".venv/bin/python": ANOTHER})
    assert (done.stdout, (tmp_path / ".venv").exists()) == (f"make test PYTHON={tmp_path / 'bin/python3.13'}\n", False)
    assert "made anew" in done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize(("version", "tested"), [("20.3.0", True), ("18.20.4", False)])
def test_node(tmp_path: Path, version: str, tested: bool) -> None:
    """Node 20 tests the client; with an older one CI says that it does not, and goes on."""
    pretended = f"Object.defineProperty(process.versions, 'node', {{value: '{version}'}})"
    node = f'exec {shutil.which("node")} -e "{pretended}; $2"'
    done = ran(tmp_path, {"bin/python3.13": DEPLOYED}, node)
    assert ("NOT TESTED" not in done.stderr, done.returncode) == (tested, 0), done.stderr
