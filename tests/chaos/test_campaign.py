"""A campaign of seconds violates nothing; each violation that is planted in what it left behind is found."""

import json
import logging
import os
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest
from google.cloud.bigquery import LoadJobConfig, SchemaField

from cloudact import clients
from cloudact.settings import ROOT
from tests.chaos.__main__ import FOLDER, judged, main
from tests.chaos.actions import Action, Draw, read, seed_of
from tests.chaos.campaign import LOG, Report, campaign, drawn, logged
from tests.chaos.evidence import TOTALS, deciding_jobs, gather
from tests.chaos.invariants import Event, Job, Violation, one_verdict, verdict, violations
from tests.chaos.world import World
from tests.conftest import Local

SEED, DRAWN = 7, 12
RUN = {"org": "a", "pipeline": "openai_usage_cost", "date": "2026-11-10"}
FIRST = (  # what every campaign of ten minutes comes to: a run that is killed, its day restated, and loaded again
    Action("trigger", RUN | {"force": False}),
    Action("wait", {"minutes": 1}),
    Action("deliver", {"run": "a/openai_usage_cost/2026-11-10/1", "kills": [[12, "after", "SIGKILL"]]}),
    Action("restate", {"org": "a", "date": "2026-11-10", "provider": "openai", "factor": "1.1"}),
    Action("trigger", RUN | {"force": True}),
    Action("wait", {"minutes": 1}),
    Action("deliver", {"run": "a/openai_usage_cost/2026-11-10/2", "again": True}),
)
ACTIONS = len(FIRST) + DRAWN


@pytest.fixture(scope="module")
def world(session_cloud: Local, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(session_cloud, SEED, tmp_path_factory.mktemp("chaos"), {"a": 6})


@pytest.fixture(scope="module")
def report(world: World) -> Report:
    numbers = count()
    done = campaign(world, chain(FIRST, drawn(world, SEED, lambda: next(numbers) < DRAWN)))
    world.containers.stop()
    return done


def test_a_short_campaign(report: Report) -> None:
    """Random use, kills and faults leave nothing that must not be, and there was something to judge."""
    assert [*map(str, report.found)] == []
    assert report.done.total() == ACTIONS
    assert report.killed
    assert {event.generation for event in report.evidence.events if event.status == "SUCCESS"} >= {1, 2}
    assert report.evidence.written


def test_a_violation_is_told(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0 without a violation; with one it is 1, and the summary names it and how to replay it."""
    assert judged(report) == 0
    bad = replace(report, found=[Violation("days", "a day has rows of two runs")])
    assert judged(bad) == 1
    assert "VIOLATED days: a day has rows of two runs" in str(bad)
    assert f"make chaos REPLAY={os.path.relpath(report.log, ROOT)}" in capsys.readouterr().out


@pytest.mark.bench
def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`make chaos` draws from a seed on a cloud of its own; its log, replayed, is as many actions again."""
    assert main(["--seed", "3", "--minutes", "0.3"]) == 0
    drawn_actions = capsys.readouterr().out.splitlines()[1]
    assert main(["--replay", str(FOLDER / "seed-3" / "logs" / LOG)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == drawn_actions


def test_its_log_is_what_was_done(report: Report) -> None:
    """The log has the seed and every action as it was drawn: read again, it is the same campaign."""
    again = list(read(report.log))
    assert (seed_of(report.log), len(again)) == (SEED, ACTIONS)
    assert Counter(action.kind for action in again) == report.done
    lines = [json.loads(line) for line in report.log.read_text(encoding="utf-8").splitlines()[1:]]
    assert [json.loads(action.line) for action in again] == [
        {name: value for name, value in line.items() if name != "answer"} for line in lines
    ]


def test_a_seed_draws_the_same(world: World, report: Report) -> None:
    """Two draws of one seed are equal while the world looks the same; another seed draws others."""
    assert report.log.exists()
    one, same, other = Draw(5), Draw(5), Draw(6)
    told = [[draw.next(world) for _ in range(50)] for draw in (one, same, other)]
    assert told[0] == told[1] != told[2]


def stored(world: World, where: str) -> list[dict[str, Any]]:
    return world.local.query(f"SELECT * FROM {world.fleet.settings.dataset}.pipeline_run_events WHERE {where}")


def add_event(world: World, **changes: Any) -> None:
    """Appends a copy of an event of a run that succeeded, with these changes."""
    row = stored(world, "status = 'SUCCESS' ORDER BY occurred_at LIMIT 1")[0]
    known = {name: value for name, value in row.items() if value is not None}
    texts = {name: value if isinstance(value, bool | int) else str(value) for name, value in known.items()}
    client = clients.bigquery(world.fleet.settings)
    table = f"{world.fleet.settings.project}.{world.fleet.settings.dataset}.pipeline_run_events"
    assert client.insert_rows_json(table, [texts | {"event_id": str(uuid.uuid4())} | changes]) == []


def change_costs(world: World, statement: str) -> None:
    """Changes a table of costs that has rows."""
    table = filled_tables(world, "cost_daily_raw")[0]
    clients.bigquery(world.fleet.settings).query_and_wait(statement.format(table=table))


def filled_tables(world: World, ending: str) -> list[str]:
    """Tables of orgs that have rows, by the end of their names."""
    names = [f"{tenant.slug}.{name}" for tenant in world.tenants.values() for name in TOTALS if name.endswith(ending)]
    return [name for name in names if world.local.query(f"SELECT 1 FROM {name} LIMIT 1")]


def a_run_that_goes_on(world: World) -> None:
    add_event(world, run_id=str(uuid.uuid4()), status="RUNNING", counted=False)


def a_run_that_is_nowhere(world: World) -> None:
    world.admitted.add(str(uuid.uuid4()))


def more_than_the_quota(world: World) -> None:
    for _ in range(max(world.limits.values()) + 1):
        add_event(world, run_id=str(uuid.uuid4()), counted=True)


def another_end(world: World) -> None:
    add_event(world, status="FAILED", error_code="lost")


def a_verdict_of_nobody(world: World) -> None:
    add_event(world, run_id=str(uuid.uuid4()), counted=False)


def a_load_after_the_end(world: World) -> None:
    client = clients.bigquery(world.fleet.settings)
    jobs = [job for job in deciding_jobs(client) if job.run_id in world.admitted]
    ended = max(jobs, key=lambda job: job.number)  # the last of its run, which has ended
    job_id = f"load_{ended.run_id}_{ended.number + 1}-planted"
    table = f"{world.fleet.settings.project}.{next(iter(world.tenants.values())).slug}.planted"
    config = LoadJobConfig(schema=[SchemaField("x", "INT64")])
    client.load_table_from_json([{"x": 1}], table, job_id=job_id, job_config=config).result()


def a_row_of_another_run(world: World) -> None:
    change_costs(world, f"INSERT INTO {{table}} SELECT * REPLACE ('{uuid.uuid4()}' AS run_id) FROM {{table}} LIMIT 1")


def a_day_that_is_gone(world: World) -> None:
    change_costs(world, "DELETE FROM {table} WHERE TRUE")


def a_day_that_is_recorded_twice(world: World) -> None:
    table = next(f"{tenant.slug}.day_history" for tenant in world.tenants.values() if recorded_days(world, tenant.slug))
    clients.bigquery(world.fleet.settings).query_and_wait(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")


def recorded_days(world: World, slug: str) -> list[dict[str, Any]]:
    return world.local.query(f"SELECT run_id FROM {slug}.day_history")


def an_amount_that_differs(world: World) -> None:
    change_costs(world, "UPDATE {table} SET amount = amount + 1 WHERE TRUE")


def usage_that_is_missing(world: World) -> None:
    """Fewer requests in every day of a table of usage, in as many rows."""
    for table in filled_tables(world, "usage_daily_raw"):
        measure = "num_model_requests" if "openai" in table else "output_tokens"
        statement = f"UPDATE {table} SET {measure} = DIV({measure}, 2) WHERE TRUE"
        clients.bigquery(world.fleet.settings).query_and_wait(statement)


def a_backfill_of_nobody(world: World) -> None:
    world.promised.append(frozenset({str(uuid.uuid4())}))


def a_key_in_a_table(world: World) -> None:
    add_event(world, error_message=f"The key {world.tenants['a'].org.api_key} is wrong.")


def a_key_in_a_log(world: World) -> None:
    with (world.folder / "functions.log").open("a", encoding="utf-8") as log:
        log.write(world.tenants["a"].org.credentials["OPENAI"]["api_key"])


def a_container_that_hangs(world: World) -> None:
    world.containers.hung.append("runner-1-0-0")


def an_error_nobody_foresaw(world: World) -> None:
    world.statuses[500] += 1


PLANTED: list[tuple[Callable[[World], None], str]] = [
    (a_run_that_goes_on, "final"),
    (a_run_that_is_nowhere, "final"),
    (more_than_the_quota, "counted"),
    (another_end, "one_verdict"),
    (a_verdict_of_nobody, "one_verdict"),
    (a_load_after_the_end, "no_load_after_a_fence"),
    (a_row_of_another_run, "days"),
    (a_day_that_is_recorded_twice, "history"),
    (an_amount_that_differs, "sums"),
    (usage_that_is_missing, "sums"),
    (a_backfill_of_nobody, "final"),
    (a_day_that_is_gone, "days"),
    (a_key_in_a_table, "no_secrets"),
    (a_key_in_a_log, "no_secrets"),
    (a_container_that_hangs, "nothing_unforeseen"),
    (an_error_nobody_foresaw, "nothing_unforeseen"),
]


def test_what_is_planted_is_found(world: World, report: Report) -> None:
    """What must never be is told by the name of its invariant, once it is in the tables, the jobs or the logs.

    One after the other, since to gather takes long: each must add something to what those before it have left.
    """
    assert report.log.exists()  # its containers have been stopped since, so this is what is there without any plant
    before = set(violations(gather(world)))
    for plant, invariant in PLANTED:
        plant(world)
        after = set(violations(gather(world)))
        assert invariant in {found.invariant for found in after - before}, plant.__name__
        before = after


def test_a_date_that_is_given_up(report: Report) -> None:
    """That a failed run's date is not repeated any more is one final event more, and no second verdict."""
    run_id = str(uuid.uuid4())
    ended = Event(run_id, "a", NOW.date(), "1", "FAILED", counted=False, generation=1, error_code="lost")
    given_up = replace(ended, event_id=f"{run_id}/given_up", error_code=None)
    failed = Job(run_id, 0, NOW, verdict="FAILED")
    evidence = replace(report.evidence, events=[ended, given_up], jobs=[failed], written=[])
    assert [*one_verdict(evidence)] == []
    assert [*one_verdict(replace(evidence, events=[ended, replace(given_up, event_id="2")]))]


def test_a_campaign_that_breaks_off_logs_no_more(tmp_path: Path) -> None:
    """What raises in the middle leaves no handler behind, and the level as it was."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with pytest.raises(KeyError), logged(tmp_path / "functions.log"):
        raise KeyError
    assert (root.level, root.handlers) == before


NOW = datetime(2026, 11, 12, tzinfo=UTC)


def load(number: int, attempt: str = "x", parts: int = 2, error: str | None = None) -> Job:
    return Job("run", number, NOW, table="t", day=NOW.date(), parts=parts, attempt=attempt, error=error)


FENCE = Job("run", 9, NOW, verdict="CANCELLED")


@pytest.mark.parametrize(
    ("jobs", "decided"),
    [
        ([], None),
        ([load(0)], None),
        ([load(0), load(1)], "SUCCESS"),
        ([load(0), load(1, "y")], None),
        ([load(0), load(1, "y"), load(2, "y")], "SUCCESS"),
        ([load(0), load(1, error="backendError"), load(2)], "SUCCESS"),
        ([load(0), load(1, error="invalid")], "FAILED"),
        ([load(0), FENCE, load(1)], "CANCELLED"),
    ],
)
def test_what_jobs_decide(jobs: list[Job], decided: str | None) -> None:
    """All tables of one try make a SUCCESS, a load that was refused for good a FAILED, a fence what it says."""
    assert verdict(jobs) == decided
