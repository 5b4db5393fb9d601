"""Version of the command line: the commit of its checkout, since there are no version numbers."""

import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 5


def version() -> str:
    """Commit with its day, and Python's version; without git, Python's alone."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%h of %cs"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return f"cloudact, of an unknown commit (Python {platform.python_version()})"
    return f"cloudact, commit {done.stdout.strip()} (Python {platform.python_version()})"
