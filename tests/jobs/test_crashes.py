"""A job that dies at any moment and is delivered again: same tables, one effect, a truthful status."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from cloudact.clock import utc_now
from cloudact.runs.ledger import RunEvent
from cloudact.runs.load import Outcome, RunLoad
from cloudact.runs.result import Result
from cloudact.runs.run import MESSAGE_VARIABLE, Run, Status
from jobs.heartbeat import CHECK_EVERY
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export
from tests.fault_proxy import Doorman
from tests.jobs.conftest import RunJob, detail, table, whole_detail
from tests.processes import started_processes

WITHIN_S = 60.0
CheckPoints = Callable[[list[tuple[int, str]]], None]  # of requests by number, before or after their effect
Containers = Callable[..., BaseProcess]


def run_container(env: dict[str, str], output: str, still: bool) -> None:
    """What the image's entry point does, in a process of its own.

    While time stands `still` the number of requests does not depend on the machine: what is due by time never is.
    """
    with open(output, "a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    from jobs.main import main

    began = utc_now()
    os._exit(main(env, clock=(lambda: began) if still else utc_now))


@pytest.fixture
def container(local: Local, doorman: Doorman, tmp_path: Path) -> Iterator[Containers]:
    """Starts containers whose every call to BigQuery passes the doorman; none outlives the test."""
    with started_containers(local, doorman, tmp_path / "container.log") as start:
        yield start


@contextmanager
def started_containers(local: Local, doorman: Doorman, output: Path) -> Iterator[Containers]:
    settings = local.settings.model_copy(update={"bigquery_endpoint": doorman.url})

    def start(run: Run, *, execution: str = "runner-1", attempt: int = 0, still: bool = False) -> BaseProcess:
        env = settings.to_env() | {MESSAGE_VARIABLE: run.model_dump_json()}
        env |= {"CLOUD_RUN_EXECUTION": execution, "CLOUD_RUN_TASK_ATTEMPT": str(attempt), "CLOUD_RUN_TASK_INDEX": "0"}
        return start_process(run_container, env, str(output), still)

    with started_processes() as start_process:
        yield start


def exit_code(process: BaseProcess) -> int | None:
    process.join(WITHIN_S)
    return process.exitcode


def without_run(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without what differs from org to org and from start to start."""
    return [{k: v for k, v in row.items() if k not in ("org_slug", "run_id", "ingested_at")} for row in rows]


@pytest.fixture(scope="module")
def undisturbed(
    shared_local: Local, orgs: NewOrgs, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Any], list[str]]:
    """What a run that nobody disturbs leaves, and the requests it makes."""
    org, doorman = orgs(), Doorman(shared_local.settings.bigquery_endpoint)
    load_fixture_export(shared_local, org)
    with started_containers(shared_local, doorman, tmp_path_factory.mktemp("undisturbed") / "container.log") as start:
        assert exit_code(start(billing_run(org), still=True)) == 0
    doorman.close()
    return without_run(table(shared_local, org)), doorman.seen


def cancelled(local: Local, run: Run) -> Outcome:
    """What a cancel decides, or is told to have been decided before."""
    return RunLoad(local.warehouse, run.run_id).settle(Outcome(Status.CANCELLED, at=local.clock()), tick=lambda: None)


def killed_at(org: OnboardedOrg, container: Containers, doorman: Doorman, number: int, moment: str) -> None:
    """Starts the org's run and kills it with SIGKILL at its n-th request."""
    doorman.seen.clear()
    victim: list[BaseProcess] = []

    # A killed process runs no further instruction, so the answer that may still reach it is never read.
    doorman.at(number, moment, lambda: os.kill(victim[0].pid or 0, signal.SIGKILL))
    victim.append(container(billing_run(org), still=True))
    assert exit_code(victim[0]) == -signal.SIGKILL


@pytest.fixture
def check_points(
    local: Local,
    new_org: NewOrgs,
    container: Containers,
    doorman: Doorman,
    run_job: RunJob,
    undisturbed: tuple[list[Any], list[str]],
) -> CheckPoints:
    """Kills a container at each point. The last point's next try and second delivery are containers, too.

    Those of the others need no process of their own; they work at the time of day, as a container does.
    """
    expected, _ = undisturbed

    def in_container(run: Run, execution: str, attempt: int) -> int | None:
        return exit_code(container(run, execution=execution, attempt=attempt))

    def in_process(run: Run, execution: str, attempt: int) -> int:
        return run_job(run, execution=execution, attempt=attempt, last=attempt == 0, now=utc_now)

    def check(points: list[tuple[int, str]]) -> None:
        for point in points:
            org = new_org()
            load_fixture_export(local, org)
            killed_at(org, container, doorman, *point)
            again = in_container if point == points[-1] else in_process
            assert again(billing_run(org), "runner-1", 1) == 0, point
            assert without_run(table(local, org)) == expected, point
            told = whole_detail(local, billing_run(org))
            assert (told["status"], told["rows_processed"]) == ("SUCCESS", len(expected)), point
            settled = table(local, org), told
            assert again(billing_run(org), "runner-2", 0) == 0, point
            assert (table(local, org), whole_detail(local, billing_run(org))) == settled, point

    return check


def writes(seen: list[str]) -> list[int]:
    """The numbers of the requests that leave something behind, but for the steps' own events."""
    lasting = [n for n, request in enumerate(seen, 1) if "insertAll" not in request and not request.startswith("GET")]
    runs = [n for n, request in enumerate(seen, 1) if "pipeline_run_events" in request]
    return sorted({*lasting, *runs})


def test_killed_at_every_lasting_write(check_points: CheckPoints, undisturbed: tuple[list[Any], list[str]]) -> None:
    """Killed after the effect of any request that claims, loads or tells a status, and started again by the platform,
    the run leaves the tables of an undisturbed run, one SUCCESS, and nothing for a second delivery to do."""
    _, seen = undisturbed
    numbers = [n for n in writes(seen) if "queries" not in seen[n - 1]]
    assert len(numbers) >= 4, seen
    check_points([(number, "after") for number in numbers])


@pytest.mark.bench
def test_killed_at_every_request(check_points: CheckPoints, undisturbed: tuple[list[Any], list[str]]) -> None:
    """The same for every single request that a job makes, before and after it."""
    _, seen = undisturbed
    points = [(number, moment) for number in range(1, len(seen) + 1) for moment in ("before", "after")]
    check_points(points)
    sys.stdout.write(f"{2 * len(seen)} crash points, before and after each of {seen}\n")


def test_an_unchanged_run_that_dies(local: Local, new_org: NewOrgs, container: Containers, doorman: Doorman) -> None:
    """Killed after its fence and before it could say so, a run of an unchanged day is told by its next try just so."""
    org = new_org()
    load_fixture_export(local, org)
    assert exit_code(container(billing_run(org))) == 0
    before, run = table(local, org), billing_run(org, generation=2)
    victim: list[BaseProcess] = []

    def kill_after_the_fence() -> None:
        fence = "POST /bigquery/v2/projects/cloudact-local/jobs"
        doorman.at_first(fence, "after", lambda: os.kill(victim[0].pid or 0, signal.SIGKILL))

    doorman.at_first("jobs/load_", "after", kill_after_the_fence)
    victim.append(container(run))
    assert exit_code(victim[0]) == -signal.SIGKILL
    assert local.ledger.status(run) is Status.RUNNING
    assert exit_code(container(run, attempt=1)) == 0
    told = detail(local, run)
    assert (told["status"], told["rows_processed"], table(local, org)) == ("SUCCESS", len(before), before)
    assert Result.model_validate_json(told["result"]).unchanged


def test_sigterm_is_told_and_tried_again(
    local: Local, new_org: NewOrgs, container: Containers, doorman: Doorman, undisturbed: tuple[list[Any], list[str]]
) -> None:
    """SIGTERM in the middle ends with 143 within its grace; the next try brings the run home."""
    org, (expected, seen) = new_org(), undisturbed
    load_fixture_export(local, org)
    victim: list[BaseProcess] = []
    doorman.at(len(seen) // 2, "before", lambda: victim[0].terminate())
    victim.append(container(billing_run(org)))
    assert exit_code(victim[0]) == 143
    assert local.ledger.status(billing_run(org)) is Status.RUNNING
    assert exit_code(container(billing_run(org), attempt=1)) == 0
    assert without_run(table(local, org)) == expected
    assert local.ledger.status(billing_run(org)) is Status.SUCCESS


def test_sigterm_in_the_last_try_is_the_end(
    local: Local, new_org: NewOrgs, container: Containers, doorman: Doorman, undisturbed: tuple[list[Any], list[str]]
) -> None:
    """SIGTERM in the last try leaves FAILED with a reason, and the table as it was."""
    org, (_, seen) = new_org(), undisturbed
    load_fixture_export(local, org)
    victim: list[BaseProcess] = []
    doorman.at(len(seen) // 2, "before", lambda: victim[0].terminate())
    victim.append(container(billing_run(org), attempt=local.settings.task_max_retries))
    assert exit_code(victim[0]) == 0
    told = detail(local, billing_run(org))
    assert (told["status"], told["error_code"], table(local, org)) == ("FAILED", "terminated", [])


def test_sigterm_after_the_load_is_a_success(
    local: Local, new_org: NewOrgs, container: Containers, doorman: Doorman, undisturbed: tuple[list[Any], list[str]]
) -> None:
    """SIGTERM in the last try, when BigQuery has accepted the load, ends SUCCESS: the status tells of the table."""
    org, (expected, _) = new_org(), undisturbed
    load_fixture_export(local, org)
    victim: list[BaseProcess] = []
    doorman.at_first("/upload/", "after", lambda: victim[0].terminate())
    victim.append(container(billing_run(org), attempt=local.settings.task_max_retries))
    assert exit_code(victim[0]) == 0
    told = detail(local, billing_run(org))
    assert (told["status"], told["rows_processed"]) == ("SUCCESS", len(expected))
    assert without_run(table(local, org)) == expected


def test_a_settled_run_cannot_load(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A run that someone settled while it worked is stopped by the fence, even if it cannot see the settlement."""
    org = new_org()
    load_fixture_export(local, org)
    assert (
        RunLoad(local.warehouse, billing_run(org).run_id)
        .settle(Outcome(Status.CANCELLED, at=local.clock()), tick=lambda: None)
        .rows
        is None
    )
    assert run_job(billing_run(org)) == 0
    assert table(local, org) == []


def test_a_load_that_has_happened_cannot_be_fenced(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Whoever comes too late to settle a run is told what it loaded."""
    org = new_org()
    load_fixture_export(local, org)
    run_job(billing_run(org))
    rows = (
        RunLoad(local.warehouse, billing_run(org).run_id)
        .settle(Outcome(Status.CANCELLED, at=local.clock()), tick=lambda: None)
        .rows
    )
    assert rows == len(table(local, org))


def test_a_cancelled_container_stops_between_two_pages(
    local: Local, new_org: NewOrgs, container: Containers, doorman: Doorman
) -> None:
    """A container whose run is cancelled while it reads looks within five seconds, and goes no further."""
    org = new_org()
    load_fixture_export(local, org)
    run = billing_run(org)
    project = org.credentials["GCP_SA"]["project_id"]

    def cancel() -> None:
        cancelled(local, run)
        local.ledger.append_run(run, RunEvent(Status.CANCELLED), local.clock())
        time.sleep(CHECK_EVERY.total_seconds())

    doorman.at_first(f"GET /bigquery/v2/projects/{project}/queries", "after", cancel)
    assert exit_code(container(run)) == 0
    assert not any("jobs/load_" in request for request in doorman.seen)
    assert (local.ledger.status(run), table(local, org)) == (Status.CANCELLED, [])
