"""The official FOCUS validator, in an environment of its own that the first use makes.

`CLOUDACT_FOCUS_VALIDATOR` names the Python of an environment that has it; otherwise one is made in `.local/`, with the
first Python from 3.12 on that is found. Nothing that is deployed or that CI runs needs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cloudact.settings import ROOT
from focus.model import VERSIONS, Model

HERE = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".local" / "focus-validator"
PYTHONS = ("python3.13", "python3.12", "python3.14")


class NoPython(Exception):
    """Raised where no Python can run the validator."""


@dataclass(frozen=True)
class Official:
    """What the validator says about each rule: `passed`, `failed` or `skipped`, and how many violations it counts."""

    version: str
    status: dict[str, str]
    violations: dict[str, int]


def python() -> Path:
    """Python that has the validator. Raises `NoPython`."""
    if given := os.environ.get("CLOUDACT_FOCUS_VALIDATOR"):
        return Path(given)
    own = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / "ready"
    wanted = (HERE / "validator.txt").read_text(encoding="utf-8")
    if not ready.is_file() or ready.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run([_base(), "-m", "venv", str(ENVIRONMENT)], check=True, timeout=300)
        pip = [str(own), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
        install = [*pip, "-r", str(HERE / "validator.txt")]
        subprocess.run(install, check=True, timeout=900)
        ready.write_text(wanted, encoding="utf-8")
    return own


def official(
    interpreter: Path, model: Model, data: Path, criteria: Iterable[str], folder: Path, versions: Path = VERSIONS
) -> Official:
    """Verdicts of the validator on a Parquet file; `folder` is where it is given the model."""
    shutil.copy(versions / model.version / "model.json", folder / f"model-{model.version}.json")
    command = [str(interpreter), str(HERE / "official.py"), str(data), str(folder), model.version, ",".join(criteria)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    told = json.loads(done.stdout.splitlines()[-1])
    return Official(
        told["version"],
        {rule_id: status for rule_id, (status, _) in told["rules"].items()},
        {rule_id: violations for rule_id, (_, violations) in told["rules"].items()},
    )


def _base() -> str:
    """A Python from 3.12 on that can make an environment: what is found by its name may be a shim of none."""
    asked = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))"
    found = [sys.executable, *filter(None, map(shutil.which, PYTHONS))]
    for each in found:
        if subprocess.run([each, "-c", asked], capture_output=True, timeout=60, check=False).returncode == 0:
            return each
    raise NoPython("The official FOCUS validator needs Python 3.12 or newer: put one on the PATH.")
