"""The files that a clean checkout has: what git knows, with what is about to be committed."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from cloudact.settings import ROOT


def checkout_files(*flags: str) -> set[str]:
    """Paths below the root. Skips the test where there is no git, as in a source that was uploaded."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", *(flags or ("--cached", "--others", "--exclude-standard"))]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {path for path in listed.split("\0") if path and (ROOT / path).exists()}


def copy_files(paths: Iterable[str], target: Path) -> None:
    """Lays the files out below `target`, with their dates and modes."""
    for path in paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path)
