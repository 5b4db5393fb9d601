"""CONTRIBUTING.md, "Add a provider": its commands work as they are written, in a copy of the checkout."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from cloudact.settings import ROOT
from tests import markdown
from tests.packaging.checkout import checkout_files, copy_files

SECTION = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## Add a provider\n")[1].split("\n## ")[0]
MAKE, FILL_IN, CHECK = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what git knows, with the environment that runs this test; `make` finds nothing to install."""
    copy_files(checkout_files(), tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    for requirements in (*tmp_path.glob("requirements*.txt"), tmp_path / "jobs" / "requirements.txt"):
        os.utime(requirements, (0, 0))
    return tmp_path


def typed(checkout: Path, commands: str) -> str:
    """What the commands print; each must end well."""
    env = {"PATH": os.environ["PATH"], "HOME": str(checkout), "RUFF_NO_CACHE": "true"}
    bash = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(bash, cwd=checkout, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_provider_in_ten_minutes(checkout: Path) -> None:
    """Its files are made, its test passes, and the places to fill in are those of the page's table."""
    assert "3 passed" in typed(checkout, MAKE)
    places = re.findall(r"FILL IN \d", typed(checkout, FILL_IN))
    assert sorted(places) == [row[0] for row in markdown.table(SECTION, "place")]


@pytest.mark.bench
def test_what_was_made_passes_every_check(checkout: Path) -> None:
    """Format, lint, types, configs, and the tests of providers, architecture and documents accept it as it is made."""
    typed(checkout, MAKE)
    assert "Success: no issues found" in typed(checkout, CHECK)


@pytest.mark.parametrize("name", ["", "openai", "Star"])
def test_a_name_that_will_not_do(checkout: Path, name: str) -> None:
    """`make new-provider` ends with an error that names the reason, and makes nothing."""
    make = ["make", "new-provider", *([f"NAME={name}"] if name else [])]
    done = subprocess.run(make, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, "no name of a provider" in done.stderr or "is taken" in done.stderr) == (2, True)
