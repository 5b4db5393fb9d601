"""The README's walk-through works as it is written, against what `make up` starts."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudact.settings import ROOT
from localcloud.stack import running_stack

STEPS = ("setup", "--wait", "cloudact runs", "quota", "keys show", "POST", "limit=1")


def walk_through() -> list[str]:
    """The commands of "Use it"."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Use it\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [command for block in blocks for command in block.replace("\\\n", " ").splitlines() if command]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder like the root, after `make up` on ports of its own."""
    (tmp_path / "bin").symlink_to(ROOT / "bin")
    with running_stack(tmp_path / ".local", api_port=0, ops_port=0, late_streams=True):
        yield tmp_path


def test_the_walk_through(folder: Path) -> None:
    """Each line of it exits with 0; the third org has its run, its quota, and two keys in the end."""
    commands = walk_through()
    script = "\n".join(f"echo '#{number}'\n{command}" for number, command in enumerate(commands))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    bash = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(bash, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    printed = re.split(r"^#\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    said = {step: text for step in STEPS for command, text in zip(commands, printed, strict=True) if step in command}
    assert re.search(r"^status +VALID$", said["setup"], re.MULTILINE)
    assert re.search(r"^rows processed +\d+$", said["--wait"], re.MULTILINE)
    assert re.search(r"openai_usage_cost .* SUCCESS ", said["cloudact runs"])
    assert re.search(r"^pipelines today +1$", said["quota"], re.MULTILINE)
    assert said["keys show"].count("initech_api_") == 2
    run_id = said["cloudact runs"].splitlines()[1].split()[0]
    assert json.loads(said["POST"])["run_id"] == run_id
    assert json.loads(said["limit=1"])["total"] == 1
