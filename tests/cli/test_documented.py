"""Every command can be found out about; and only the command line itself needs its libraries."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from cli.program import cloudact
from cloudact.settings import ROOT

DOCUMENT = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: click.Group = cloudact, *names: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield " ".join((*names, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_a_command_is_explained(name: str, command: click.Command) -> None:
    """It has a help text, as has each of its options, and docs/cli.md names it."""
    assert command.help
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name
    if not isinstance(command, click.Group):
        assert re.search(rf"`{name}[ `]", DOCUMENT), name


def test_exit_codes_are_explained() -> None:
    """docs/cli.md lists the exit code of every failure."""
    from cli import failures

    found = {
        kind.exit_code
        for kind in vars(failures).values()
        if isinstance(kind, type) and issubclass(kind, failures.Failure) and kind is not failures.Failure
    }
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)} == found | {0}


def test_a_shell_completes_it() -> None:
    """Click's completion knows commands and choices."""
    asked = {"COMP_WORDS": "cloudact integrations setup ", "COMP_CWORD": "3", "_CLOUDACT_COMPLETE": "bash_complete"}
    env = {"PATH": os.environ["PATH"]} | asked
    done = subprocess.run([ROOT / "bin" / "cloudact"], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["plain,gcp", "plain,openai", "plain,anthropic"]


def test_nothing_else_needs_its_libraries() -> None:
    """Functions and jobs load neither rich nor any part of the command line."""
    script = "import sys, functions.routes, jobs.main; print([m for m in sys.modules if m in ('rich', 'cli')])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
