"""`run`, `runs`, `show`, `cancel`, `retry`, `quota`, `pipelines`: against the real function and real jobs."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from uuid import uuid4

import pytest
from click.testing import Result

from cloudact import clients
from cloudact.settings import ROOT
from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell
from tests.conftest import FIXTURE_DAY, Local, load_fixture_export

DAY = FIXTURE_DAY.isoformat()
BILLING = ("run", "gcp/cost/billing", "--date", DAY)


@pytest.fixture(autouse=True)
def _empty_queue(local: Local) -> None:
    clients.tasks(local.settings).purge_queue(name=local.settings.queue_path)


@contextmanager
def queue_fires(local: Local) -> Iterator[None]:
    """Meanwhile, the next task is delivered as soon as it is there."""

    def deliver() -> None:
        deadline = time.monotonic() + 60
        tasks = clients.tasks(local.settings)
        while not list(tasks.list_tasks(parent=local.settings.queue_path)) and time.monotonic() < deadline:
            time.sleep(0.1)
        local.clock.advance(seconds=3)
        local.google.dispatcher.dispatch_due()

    thread = Thread(target=deliver)
    thread.start()
    yield
    thread.join()


def test_a_run_to_its_end(customer: Shell, org: OnboardedOrg, local: Local) -> None:
    """`run --wait` tells of the status, steps and rows as they come, and exits with 0 once the run has succeeded."""
    load_fixture_export(local, org)
    with queue_fires(local):
        done = customer(*BILLING, "--wait")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    name = f"{org.org_slug}-gcp-billing {DAY}"
    assert lines.index(f"{name} PENDING") < lines.index(f"{name} SUCCESS")
    assert any(line.startswith("  load SUCCESS") and line.endswith(" rows") for line in lines)
    assert "\x1b" not in done.stdout
    detail = customer.json("show", run_of(done))
    assert (detail["status"], detail["date"]) == ("SUCCESS", DAY)
    assert_again(customer, detail["run_id"])
    assert_on_a_terminal(customer, detail["run_id"])


def assert_again(customer: Shell, run_id: str) -> None:
    """The same request is the same run, and it has ended already."""
    again = customer(*BILLING, "--wait", "--json")
    assert (again.exit_code, json.loads(again.stdout)["run_id"], again.stderr) == (0, run_id, "")


def assert_on_a_terminal(customer: Shell, run_id: str) -> None:
    """A terminal gets colours, and a live view that is gone in the end."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cli", "show", run_id, "--wait"]
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)} | customer.environment
    done = subprocess.run(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, check=False, timeout=30)
    printed = os.read(ours, 1 << 16).decode()
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, "\x1b[32mSUCCESS" in printed) == (0, True), printed


def run_of(done: Result) -> str:
    return next(line.removeprefix("run ") for line in done.stdout.splitlines() if line.startswith("run "))


def test_a_run_that_fails(customer: Shell, local: Local) -> None:
    """`run --wait` exits with 1 once the run has failed, and tells why; `retry` asks for the next generation."""
    with queue_fires(local):
        done = customer(*BILLING, "--wait")
    assert (done.exit_code, "The run is FAILED." in done.stderr) == (1, True), done.output
    failed = customer.json("show", run_of(done))
    assert failed["error"]["message"] in done.stdout
    retried = customer.json("retry", failed["run_id"])
    assert customer.json("show", retried["run_id"])["generation"] == 2
    refused = customer("retry", retried["run_id"])
    assert (refused.exit_code, "can be retried" in refused.stderr) == (3, True)


def test_a_run_that_does_not_end(customer: Shell) -> None:
    """`--timeout` ends the waiting with exit code 5 and says that the run goes on."""
    done = customer(*BILLING, "--wait", "--timeout", "0.2")
    assert done.exit_code == 5
    assert f"The run goes on: cloudact show {run_of(done)} --wait" in done.stderr


def test_ids_and_paths_name_pipelines(customer: Shell) -> None:
    """`gcp_billing`, `gcp/billing`, `gcp//billing` and `gcp/cost/billing` are one pipeline."""
    names = ("gcp_billing", "gcp/billing", "gcp//billing", "gcp/cost/billing")
    assert len({customer.json("run", name, "--date", DAY)["run_id"] for name in names}) == 1
    unknown = customer("run", "gcp_magic")
    assert (unknown.exit_code, "Unknown pipeline: gcp_magic" in unknown.stderr) == (3, True)
    assert customer("run", "../../health").exit_code == 2


def test_a_run_is_cancelled_only_after_a_yes(customer: Shell) -> None:
    """`cancel` without a terminal needs --yes; then the run is CANCELLED, and waiting for it exits with 1."""
    run_id = customer.json(*BILLING)["run_id"]
    refused = customer("cancel", run_id, stdin="y\n")
    assert (refused.exit_code, "give --yes" in refused.stderr) == (2, True)
    assert customer.json("show", run_id)["status"] == "PENDING"
    assert customer("cancel", run_id, "--yes").exit_code == 0
    assert customer("show", run_id, "--wait").exit_code == 1
    assert customer("cancel", run_id, "--yes").exit_code == 3


def test_runs_are_listed_and_filtered(customer: Shell, org: OnboardedOrg) -> None:
    """`runs` prints a line for each run, newest first; every filter and page is an option."""
    ids = [customer.json("run", "gcp_billing", "--date", day)["run_id"] for day in (DAY, "2026-11-09")]
    done = customer("runs")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["RUN", *sorted(ids, key=done.stdout.index)]
    assert [run["run_id"] for run in customer.json("runs", "--date", "2026-11-09")["runs"]] == ids[1:]
    same = ("--status", "PENDING", "--pipeline", f"{org.org_slug}-gcp-billing", "--trigger", "api")
    days = ("--start-date", "2026-11-12", "--end-date", "2026-11-12")
    page = customer.json("runs", *same, *days, "--limit", "1")
    assert (len(page["runs"]), page["total"]) == (1, 2)
    after = customer.json("runs", "--cursor", page["next_cursor"])
    assert {page["runs"][0]["run_id"], after["runs"][0]["run_id"]} == set(ids)
    wrong = customer("runs", "--status", "LOST")
    assert (wrong.exit_code, wrong.stdout, "status must be one of" in wrong.stderr) == (3, "", True)


def test_the_quota_of_the_day(customer: Shell) -> None:
    """`quota` prints what is left; with --json, exactly the API's document."""
    customer.json(*BILLING)
    quota = customer.json("quota")
    assert (quota["pipelines_today"], quota["remaining"]) == (1, 24)
    assert "remaining            24" in customer("quota").stdout


def test_pipelines_need_no_key(shell: Shell) -> None:
    """`pipelines` lists the catalogue for anyone."""
    done = shell("pipelines", "--provider", "gcp")
    assert (done.exit_code, "gcp_billing  gcp/cost/billing  GCP_SA" in done.stdout) == (0, True)
    assert shell.json("pipelines")["total"] == 3


def test_a_run_that_is_not_there(customer: Shell) -> None:
    """A refusal is the API's sentence with the request's id, on standard error; the exit code is 3."""
    run_id = str(uuid4())
    done = customer("show", run_id, "--json")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith(f"Error: Run not found: {run_id} (HTTP 404, run_unknown, request ")
