"""The load of several tables: each once, in order, and whoever settles the run in between is believed by all."""

from dataclasses import replace
from pathlib import Path

import pytest

from cloudact.error_codes import Code, StoredCode, stored_code
from cloudact.errors import Stop
from cloudact.runs.load import AlreadySettled, Outcome, Part, RunLoad
from cloudact.runs.run import Run, Status
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.jobs.empty_days import empty_part

LOST = Outcome(Status.FAILED, error=Stop(Code.LOST, "It was lost."), at=NOON)


class Killed(BaseException):
    """Stands for a container that dies here."""


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


@pytest.fixture
def parts(local: Local, org: OnboardedOrg, tmp_path: Path) -> list[Part]:
    """An empty day for each of two tables."""
    tables = ("anthropic_usage_daily_raw", "openai_cost_daily_raw")
    return [empty_part(local, org.org_slug, table, tmp_path / table) for table in tables]


def die_at(parts: list[Part], number: int) -> list[Part]:
    """The same parts for a container that dies before it can send the file of this one."""

    class Gone(type(Path())):  # type: ignore[misc]
        def open(self, *_: object, **__: object) -> object:
            raise Killed

    return [replace(part, parquet=Gone(part.parquet)) if n == number else part for n, part in enumerate(parts)]


def nothing() -> None:
    """No tick."""


def loaded_tables(local: Local, run: Run) -> list[str]:
    """What the run's jobs have replaced, in order."""
    jobs = [local.warehouse.job(f"load_{run.run_id}_{number}") for number in range(4)]
    ours = [job for job in jobs if job is not None and job.job_type == "load"]
    return [job.destination_table.removesuffix(f"${run.date:%Y%m%d}") for job in ours]


def test_every_table_is_loaded_once(local: Local, org: OnboardedOrg, parts: list[Part]) -> None:
    """One load job a table, in order; a second call finds them done and answers the same."""
    run = billing_run(org)
    assert [RunLoad(local.warehouse, run.run_id).load(parts, run.date, nothing) for _ in range(2)] == [0, 0]
    assert loaded_tables(local, run) == [part.table for part in parts]


def test_a_new_try_loads_everything_it_has_read(local: Local, org: OnboardedOrg, parts: list[Part]) -> None:
    """After a death between two tables nothing is decided yet; the next try, which has read anew, replaces both."""
    run = billing_run(org)
    first = RunLoad(local.warehouse, run.run_id)
    with pytest.raises(Killed):
        first.load(die_at(parts, 1), run.date, nothing)
    assert (loaded_tables(local, run), first.outcome(nothing)) == ([parts[0].table], None)
    RunLoad(local.warehouse, run.run_id).load(parts, run.date, nothing)
    assert loaded_tables(local, run) == [parts[0].table, *(part.table for part in parts)]
    outcome = first.outcome(nothing)
    assert outcome == Outcome(Status.SUCCESS, rows=0)


def test_a_sweep_between_two_tables_is_final(local: Local, org: OnboardedOrg, parts: list[Part]) -> None:
    """Who settles a half-loaded run says which tables were replaced; no later try can load the others."""
    run = billing_run(org)
    load = RunLoad(local.warehouse, run.run_id)
    with pytest.raises(Killed):
        load.load(die_at(parts, 1), run.date, nothing)
    outcome = load.settle(LOST, nothing)
    assert outcome.error is not None
    assert outcome.error.message == "It was lost. It had replaced the day before in anthropic_usage_daily_raw."
    assert outcome.result == '{"replaced":["anthropic_usage_daily_raw"]}'
    with pytest.raises(AlreadySettled) as settled:
        load.load(parts, run.date, nothing)
    assert settled.value.outcome.parameters == load.settle(LOST, nothing).parameters == outcome.parameters
    assert loaded_tables(local, run) == [parts[0].table]


def test_a_cancel_does_not_cut_a_load_in_half(local: Local, org: OnboardedOrg, parts: list[Part]) -> None:
    """Once a table has been replaced, a cancel comes too late, and the other tables can still be loaded."""
    run = billing_run(org)
    load = RunLoad(local.warehouse, run.run_id)
    with pytest.raises(Killed):
        load.load(die_at(parts, 1), run.date, nothing)
    with pytest.raises(TooLate):
        load.settle(Outcome(Status.CANCELLED, at=NOON), nothing, begun=too_late)
    assert load.load(parts, run.date, nothing) == 0


def test_a_refused_second_table_is_told(local: Local, org: OnboardedOrg, parts: list[Part], tmp_path: Path) -> None:
    """When BigQuery refuses the second table for good, the run fails and names the one that was replaced."""
    run, broken = billing_run(org), tmp_path / "broken"
    broken.write_bytes(b"no Parquet")
    load = RunLoad(local.warehouse, run.run_id)
    with pytest.raises(Stop, match=r"It had replaced the day before in anthropic_usage_daily_raw\.$"):
        load.load([parts[0], replace(parts[1], parquet=broken)], run.date, nothing)
    assert load.settle(LOST, nothing).result == '{"replaced":["anthropic_usage_daily_raw"]}'


class TooLate(Exception):
    """The cancel's own refusal."""


def too_late() -> None:
    raise TooLate


@pytest.mark.parametrize("code", [Code.LOST, stored_code("of_long_ago")])
def test_an_end_is_told_with_its_code(local: Local, org: OnboardedOrg, code: Code | StoredCode) -> None:
    """Who finds a run's end reads its code from the fence, also one that only another version knows."""
    run = billing_run(org)
    wish = Outcome(Status.FAILED, error=Stop(code, "It was lost."), at=NOON)
    for outcome in (RunLoad(local.warehouse, run.run_id).settle(wish, nothing) for _ in range(2)):
        assert outcome.error is not None
        assert (type(outcome.error.code), outcome.error.code) == (type(code), code)
