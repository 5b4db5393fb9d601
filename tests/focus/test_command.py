"""`python -m focus check`: what people and programs are told about an org's month."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cloudact import clients
from cloudact.settings import ROOT
from focus.__main__ import FAILED, FIRST_LOOK_S, NOT_CHECKED, PASSED, PATIENCE_S, main
from focus.verdicts import Verdict
from tests.conftest import Local
from tests.focus.conftest import CORPUS, Assessed


def checked(local: Local, org: str, *more: str, month: str = "2026-11") -> tuple[int, str, str]:
    """Exit code, output and errors of a check in the local BigQuery."""
    env = {"CLOUDACT_PROJECT": local.settings.project, "CLOUDACT_BIGQUERY_ENDPOINT": local.settings.bigquery_endpoint}
    out, err = io.StringIO(), io.StringIO()
    code = main(["check", "--org", org, "--month", month, *more], env, out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def text(session_cloud: Local, assessed: Assessed) -> tuple[int, str]:
    """Exit code and output of a check of the corpus."""
    assert assessed.rows
    code, told, _ = checked(session_cloud, CORPUS)
    return code, told


@pytest.fixture(scope="module")
def copied(session_cloud: Local, assessed: Assessed) -> str:
    """An org whose `focus_costs` is a table of the corpus's charges, which answers sooner than a view."""
    assert assessed.rows
    org, client = "focus_corpus_copied", clients.bigquery(session_cloud.settings)
    client.create_dataset(org)
    client.query_and_wait(
        f"CREATE TABLE {org}.focus_costs AS SELECT * FROM {CORPUS}.focus_costs WHERE x_UsageDate >= '2000-01-01'"
    )
    return org


@pytest.fixture(scope="module")
def answer(session_cloud: Local, copied: str) -> dict[str, Any]:
    """A check of the same charges as JSON."""
    found: dict[str, Any] = json.loads(checked(session_cloud, copied, "--json")[1])
    return found


def test_both_numbers_and_what_fails_are_told(assessed: Assessed, text: tuple[int, str]) -> None:
    """A check prints both numbers and each rule that fails with its sentence, and ends with 1 if a MUST does."""
    code, told = text
    found = assessed.assessor.assessments.values()
    failing = [each for each in found if each.finding and each.finding.verdict is Verdict.FAIL]
    assert code == (FAILED if any(each.rule.keyword.startswith("MUST") for each in failing) else PASSED)
    assert "checked by the machine: " in told
    assert "by Microsoft's formula: " in told
    assert all(f"{each.rule.id}  {each.rule.sentence}" in told for each in failing)


def test_every_rule_as_json(assessed: Assessed, answer: dict[str, Any]) -> None:
    """With --json each rule stands with verdict, count and reason, beside the model's checksum."""
    assert answer["model_sha256"] == assessed.assessor.model.sha256
    assert [rule["id"] for rule in answer["rules"]] == list(assessed.assessor.assessments)
    assert answer["rows"] == len(assessed.rows)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_month_without_costs_is_not_checked(local: Local, copied: str, form: tuple[str, ...]) -> None:
    """A month without a row has no numbers, whatever lies in others: it is neither passed nor failed."""
    said = f"There are no costs of {copied} in 2031-01.\n"
    assert checked(local, copied, *form, month="2031-01") == (NOT_CHECKED, "", said)


def test_no_reason_speaks_of_a_corpus(answer: dict[str, Any]) -> None:
    """What an org is told about its rules is about its own rows: the corpus of our page is none of its business."""
    whys = [rule["why"] for rule in answer["rules"]]
    assert "No row is of the kind that it is about." in whys
    assert not [why for why in whys if "corpus" in why]


def test_passes_about_no_row_are_counted(assessed: Assessed, text: tuple[int, str], answer: dict[str, Any]) -> None:
    """How many of the passed rules are about no row stands beside the numbers, as text and as JSON."""
    found = [each.finding for each in assessed.assessor.assessments.values() if each.finding]
    number = sum(each.count is not None and not each.count.examined and each.verdict is Verdict.PASS for each in found)
    assert f"\n{number} of those that pass are about no row" in text[1]
    assert answer["passed_about_no_row"] == number > 0


def test_an_org_that_is_not_there(local: Local) -> None:
    """An org without a dataset is named, with an exit code of its own."""
    said = f"{local.settings.project} has no dataset nobody_here with the view focus_costs.\n"
    assert checked(local, "nobody_here") == (NOT_CHECKED, "", said)


class Refusing(BaseHTTPRequestHandler):
    """A BigQuery that shows the view's columns to whom it may, and refuses what comes then."""

    columns: HTTPStatus
    queries: HTTPStatus

    def do_GET(self) -> None:
        """Answers a look at the view."""
        self._answer(self.columns)

    def do_POST(self) -> None:
        """Answers a query."""
        self._answer(self.queries)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, status: HTTPStatus) -> None:
        schema = {"fields": [{"name": "x_UsageDate", "type": "DATE"}]}
        told = {"schema": schema} if status is HTTPStatus.OK else {"error": {"message": "No,\nnever.", "errors": []}}
        body = json.dumps(told).encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def refusing(columns: HTTPStatus, queries: HTTPStatus) -> Iterator[str]:
    """Serves such a BigQuery, and tells its URL."""
    kind = type("Refused", (Refusing,), {"columns": columns, "queries": queries})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(timeout=10)


def checked_at(url: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a check at this endpoint; Google's own if it is empty."""
    out, err = io.StringIO(), io.StringIO()
    more = ["--bigquery", url] if url else []
    code = main(["check", "--org", "acme", "--month", "2026-11", "--project", "p-1", *more], {}, out, err)
    return code, out.getvalue(), err.getvalue()


MAY_NOT = (
    "You may not check acme in p-1: it takes roles/bigquery.dataViewer on the dataset and roles/bigquery.jobUser on "
    "the project.\n"
)


@pytest.mark.parametrize(
    ("columns", "queries", "said"),
    [
        (HTTPStatus.NOT_FOUND, HTTPStatus.OK, "p-1 has no dataset acme with the view focus_costs.\n"),
        (HTTPStatus.OK, HTTPStatus.NOT_FOUND, "p-1 has no dataset acme with the view focus_costs.\n"),
        (HTTPStatus.FORBIDDEN, HTTPStatus.OK, MAY_NOT),
        (HTTPStatus.OK, HTTPStatus.FORBIDDEN, MAY_NOT),
    ],
)
def test_a_refusal_is_one_sentence(columns: HTTPStatus, queries: HTTPStatus, said: str) -> None:
    """What BigQuery refuses, of the view or of a query, ends with a sentence on what to do, and no traceback."""
    with refusing(columns, queries) as url:
        assert checked_at(url) == (NOT_CHECKED, "", said)


@pytest.mark.parametrize("refused_first", [True, False])
def test_another_refusal_is_told_in_one_line(refused_first: bool) -> None:
    """A refusal of another kind is told in BigQuery's own words."""
    first = HTTPStatus.BAD_REQUEST if refused_first else HTTPStatus.OK
    with refusing(first, HTTPStatus.BAD_REQUEST) as url:
        code, told, said = checked_at(url)
    assert (code, told, said.count("\n")) == (NOT_CHECKED, "", 1)
    assert said.startswith("BigQuery refuses: 400 ")
    assert "No, never." in said


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who has no credentials of Google is told how to get some."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    said = "Google takes no credentials of yours: `gcloud auth application-default login` gets some.\n"
    assert checked_at("") == (NOT_CHECKED, "", said)


def test_an_endpoint_where_nobody_listens() -> None:
    """An endpoint that does not answer is named, after the seconds of the first look and not the minutes of a query."""
    assert FIRST_LOOK_S < 10 < PATIENCE_S
    with refusing(HTTPStatus.OK, HTTPStatus.OK) as url:
        pass
    said = f"{url} could not be reached or is overloaded: try it again.\n"
    assert checked_at(url) == (NOT_CHECKED, "", said)


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
