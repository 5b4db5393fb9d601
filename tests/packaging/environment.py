"""A Python of its own for what is packaged: nothing of this checkout, or of the tests' packages, is on its path."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def deployed_python() -> str:
    """The version that is deployed if it is on this machine, else the one that runs the tests."""
    found = shutil.which("python3.13")
    works = found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    return found if found and works else sys.executable


def make_venv(folder: Path) -> Path:
    """An empty virtual environment; answers its folder of programs."""
    subprocess.run([deployed_python(), "-m", "venv", str(folder)], check=True)
    return folder / "bin"


def build_env(programs: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a build step sees: the machine's way to its package index, and nothing of ours."""
    kept = {name: os.environ[name] for name in os.environ if name in ("HOME", "TMPDIR") or name.startswith("PIP_")}
    return kept | {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin"} | dict(extra or {})
