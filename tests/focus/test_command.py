"""`python -m focus check`: what people and programs are told about an org's month."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from cloudact.settings import ROOT
from focus.__main__ import FAILED, NOT_CHECKED, PASSED, main
from focus.verdicts import Verdict
from tests.conftest import Local
from tests.focus.conftest import CORPUS, Assessed


def checked(local: Local, org: str, *more: str, month: str = "2026-11") -> tuple[int, str, str]:
    """Exit code, output and errors of a check in the local BigQuery."""
    env = {"CLOUDACT_PROJECT": local.settings.project, "CLOUDACT_BIGQUERY_ENDPOINT": local.settings.bigquery_endpoint}
    out, err = io.StringIO(), io.StringIO()
    code = main(["check", "--org", org, "--month", month, *more], env, out, err)
    return code, out.getvalue(), err.getvalue()


def test_both_numbers_and_what_fails_are_told(local: Local, assessed: Assessed) -> None:
    """A check prints both numbers and each rule that fails with its sentence, and ends with 1 if a MUST does."""
    code, told, _ = checked(local, CORPUS)
    found = assessed.assessor.assessments.values()
    failing = [each for each in found if each.finding and each.finding.verdict is Verdict.FAIL]
    assert code == (FAILED if any(each.rule.keyword.startswith("MUST") for each in failing) else PASSED)
    assert "checked by the machine: " in told
    assert "by Microsoft's formula: " in told
    assert all(f"{each.rule.id}  {each.rule.sentence}" in told for each in failing)


def test_every_rule_as_json(local: Local, assessed: Assessed) -> None:
    """With --json each rule stands with verdict, count and reason, beside the model's checksum."""
    _, told, _ = checked(local, CORPUS, "--json")
    answer = json.loads(told)
    assert answer["model_sha256"] == assessed.assessor.model.sha256
    assert [rule["id"] for rule in answer["rules"]] == list(assessed.assessor.assessments)
    assert answer["rows"] == len(assessed.rows)


def test_only_the_month_is_read(local: Local, assessed: Assessed) -> None:
    """A month without costs has no row, whatever lies in others."""
    assert assessed.rows
    _, told, _ = checked(local, CORPUS, "--json", month="2025-01")
    assert json.loads(told)["rows"] == 0


def test_an_org_that_is_not_there(local: Local) -> None:
    """An org without a dataset is named, with an exit code of its own."""
    code, told, said = checked(local, "nobody_here")
    assert (code, told) == (NOT_CHECKED, "")
    assert "no dataset nobody_here" in said


def test_a_version_that_is_not_there(local: Local) -> None:
    """An unknown version of FOCUS is refused by naming those there are."""
    code, _, said = checked(local, CORPUS, "--version", "1.5")
    assert (code, said) == (NOT_CHECKED, "There is no model of FOCUS 1.5: there is 1.4.\n")


@pytest.mark.parametrize("wrong", [("--org", "a;b"), ("--month", "2026-13"), ("--org", "`x`")])
def test_what_is_no_name_is_refused(local: Local, wrong: tuple[str, str]) -> None:
    """A slug or month of another form reaches no query."""
    with pytest.raises(SystemExit):
        checked(local, CORPUS, *wrong)


def test_it_runs_as_a_module() -> None:
    """`python -m focus` shows how it is called, without settings."""
    done = subprocess.run(
        [sys.executable, "-m", "focus", "check", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--month" in done.stdout
