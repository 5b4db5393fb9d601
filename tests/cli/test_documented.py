"""Every command can be found out about; and only the command line itself needs its libraries."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.program import cloudact
from cloudact.settings import ROOT
from tests.cli.conftest import Shell

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


def asked_by_bash(words: str) -> dict[str, str]:
    told = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), "_CLOUDACT_COMPLETE": "bash_complete"}
    return {"XDG_CONFIG_HOME": "/nowhere"} | told


def completed(words: str, **environment: str) -> list[str]:
    done = Shell(environment)(**asked_by_bash(words))
    assert (done.exit_code, done.stderr) == (0, ""), words
    return done.stdout.split()


def completed_by_the_program(words: str, **environment: str) -> list[str]:
    env = {"PATH": os.environ["PATH"]} | asked_by_bash(words) | environment
    command = [ROOT / "bin" / "cloudact"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.split()


@pytest.mark.parametrize("name", ["cli.py", "cli/__main__.py", "click.py"])
def test_it_runs_nothing_of_the_folder_it_is_called_in(tmp_path: Path, name: str) -> None:
    """A file of the caller's that is named like one of ours, or of a library, is not imported."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("print('foreign')", encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": "/nowhere"}
    command = [str(ROOT / "bin" / "cloudact"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True, timeout=30)
    assert "Usage: cloudact" in done.stdout
    assert "foreign" not in done.stdout


def test_a_shell_completes_it(urls: dict[str, str]) -> None:
    """Click's completion knows commands and choices; providers are those that the API's pipelines have."""
    assert "plain,integrations" in completed("cloudact in")
    assert completed("cloudact backfill x --reprocess ") == ["plain,none", "plain,failed", "plain,completed"]
    setup = "cloudact integrations setup "
    providers = ["plain,gcp", "plain,openai", "plain,anthropic"]
    assert completed_by_the_program(setup, **urls) == completed(setup, **urls) == providers
    assert completed(f"{setup}op", **urls) == ["plain,openai"]
    assert completed("cloudact runs --status f") == ["plain,FAILED"]
    assert completed("cloudact runs --trigger re") == ["plain,retry", "plain,restatement"]
    assert completed("cloudact timeline --kind cr") == ["plain,credential"]
    ids = ["plain,gcp_billing", "plain,openai_usage_cost", "plain,anthropic_usage_cost"]
    assert [completed(f"cloudact {name} ", **urls) for name in ("run", "backfill", "runs --pipeline")] == [ids] * 3
    assert completed("cloudact run openai/", **urls) == ["plain,openai/usage_cost"]
    assert completed("cloudact pipelines --provider ", **urls) == providers


def test_completion_without_an_api() -> None:
    """Where no API is known, or none answers, nothing is completed and nothing is said."""
    setup = "cloudact integrations setup "
    assert completed(setup) == completed(setup, CLOUDACT_API_URL="http://127.0.0.1:9") == []
    assert completed_by_the_program(setup) == []


def test_nothing_else_needs_its_libraries() -> None:
    """Functions and jobs load neither rich nor any part of the command line."""
    script = "import sys, functions.routes, jobs.main; print([m for m in sys.modules if m in ('rich', 'cli')])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
