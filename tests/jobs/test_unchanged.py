"""Fingerprints of runs: an unchanged day is not loaded again, a changed one tells by how much."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from cloudact.runs.ledger import RunEvent
from cloudact.runs.load import ATTEMPT, PARTS
from cloudact.runs.result import Completeness, Fingerprint, Result, completeness
from cloudact.runs.run import Run, Status
from cloudact.warehouse.day_partition import DayPartition
from jobs.fingerprint import Digest
from jobs.unchanged import UNCHANGED
from localcloud.onboarding import OnboardedOrg
from localcloud.providers.keys import Restatement
from providers.tally import Tally
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run, load_fixture_export, load_rows
from tests.jobs.conftest import RunJob, detail, table
from tests.jobs.empty_days import empty_part
from tests.jobs.test_usage_cost_run import COSTS, change_key, key_of, llm_run, rows_of


def result_of(local: Local, run: Run) -> Result:
    return Result.model_validate_json(detail(local, run)["result"])


def first_job(local: Local, run: Run) -> str:
    """`load` where the run has replaced a day, `query` where a fence stands in its place."""
    job = local.warehouse.job(f"load_{run.run_id}_0")
    assert job is not None
    return str(job.job_type)


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    org = new_org()
    load_fixture_export(local, org)
    return org


class ReadThrice(NamedTuple):
    """An org whose day was read three times and never changed, and its rows after the first time."""

    org: OnboardedOrg
    loaded: list[dict[str, Any]]


@pytest.fixture(scope="module")
def read_thrice(shared_local: Local, orgs: NewOrgs, run_job: RunJob) -> ReadThrice:
    """Tests only read it."""
    org = orgs()
    load_fixture_export(shared_local, org)
    run_job(billing_run(org))
    loaded = table(shared_local, org)
    for generation in (2, 3):
        run_job(billing_run(org, generation=generation))
    return ReadThrice(org, loaded)


def test_an_unchanged_day_is_not_loaded(local: Local, read_thrice: ReadThrice) -> None:
    """The second generation of a day that has not changed is a SUCCESS with its rows, and no load job exists."""
    org, before = read_thrice
    runs = [billing_run(org, generation=number) for number in (1, 2, 3)]
    assert [first_job(local, run) for run in runs] == ["load", "query", "query"]
    assert table(local, org) == before
    told = detail(local, runs[2])
    assert (told["status"], told["rows_processed"]) == ("SUCCESS", len(before))
    assert UNCHANGED in [message["text"] for message in told["steps"][2]["messages"]]
    results = [result_of(local, run) for run in runs]
    assert [result.unchanged for result in results] == [False, True, True]
    assert results[0].previous is None
    assert results[2].previous is not None
    assert (results[2].previous.run_id, results[2].previous.generation) == (runs[1].run_id, 2)


def test_the_fingerprint_is_of_what_was_loaded(local: Local, read_thrice: ReadThrice) -> None:
    """Rows, net cost by currency and newest export are those of the table, and a first load has no difference."""
    rows, found = read_thrice.loaded, result_of(local, billing_run(read_thrice.org))
    assert found.fingerprint.rows == len(rows)
    for currency in {row["currency"] for row in rows}:
        assert found.fingerprint.cost[currency] == sum(r["net_cost"] for r in rows if r["currency"] == currency)
    assert found.fingerprint.source_as_of == max(row["source_max_export_time"] for row in rows)
    assert (found.difference, found.completeness) == (None, Completeness.FINAL)


def test_a_late_row_is_the_difference(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A row that arrives after the first load is in the table after the next, and the difference names its amount."""
    org = new_org()
    first = load_fixture_export(local, org)[0]
    run_job(billing_run(org))
    load_rows(local, org, [first | {"cost": 7.000000001, "export_time": "2026-11-12 01:00:00 UTC"}])
    run_job(billing_run(org, generation=2))
    found = result_of(local, billing_run(org, generation=2))
    assert found.difference is not None
    assert (found.unchanged, found.difference.cost) == (False, {"USD": Decimal("7.000000001")})
    assert first_job(local, billing_run(org, generation=2)) == "load"


def test_money_that_moves_is_a_change(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Rows whose number and sum are the same but which say something else are loaded."""
    org = new_org()
    first = load_fixture_export(local, org)[0]
    late = first | {"export_time": "2026-11-12 01:00:00 UTC"}
    run_job(billing_run(org))
    moved = [late | {"cost": -1.0}, late | {"cost": 1.0, "sku": {"id": "X", "description": "moved"}}]
    load_rows(local, org, [moved[1] | {"cost": 0.0}])
    run_job(billing_run(org, generation=2))
    load_rows(local, org, moved)
    run = billing_run(org, generation=3)
    run_job(run)
    found = result_of(local, run)
    assert found.difference is not None
    assert (found.difference.rows, found.difference.cost, found.unchanged) == (0, {}, False)
    assert first_job(local, run) == "load"


def test_a_forced_run_loads(local: Local, org: OnboardedOrg, run_job: RunJob) -> None:
    """force_refresh loads whatever the fingerprint says."""
    run_job(billing_run(org))
    forced = billing_run(org, generation=2, force_refresh=True)
    run_job(forced)
    assert first_job(local, forced) == "load"
    assert {row["run_id"] for row in table(local, org)} == {forced.run_id}


def test_a_table_made_anew_is_loaded(local: Local, org: OnboardedOrg, run_job: RunJob) -> None:
    """Where the day has another number of rows than the last load left, it is loaded."""
    run_job(billing_run(org))
    before = table(local, org)
    local.query(f"DELETE FROM {org.org_slug}.gcp_billing_daily_raw WHERE TRUE")
    run_job(billing_run(org, generation=2))
    assert len(table(local, org)) == len(before)


def test_after_a_failure_the_day_is_loaded(local: Local, org: OnboardedOrg, run_job: RunJob) -> None:
    """A failed generation may have replaced some tables, so the next one loads; a cancelled one has not."""
    run_job(billing_run(org))
    for generation, status, expected in ((2, Status.FAILED, "load"), (4, Status.CANCELLED, "query")):
        between, after = billing_run(org, generation=generation), billing_run(org, generation=generation + 1)
        local.ledger.append_run(between, RunEvent(status), local.clock())
        run_job(after)
        assert first_job(local, after) == expected, status
        assert result_of(local, after).previous is not None


def test_an_end_told_by_the_sweep_is_no_basis(local: Local, org: OnboardedOrg, run_job: RunJob) -> None:
    """Nobody knows what a container that died had loaded: the next generation loads and names no difference."""
    local.ledger.append_run(billing_run(org), RunEvent(Status.SUCCESS, rows=5), local.clock())
    run = billing_run(org, generation=2)
    run_job(run)
    assert (first_job(local, run), result_of(local, run).previous) == ("load", None)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_reports_that_have_not_changed(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """So it is with the providers' reports, all tables together; a restated day is loaded and says by how much."""
    org = new_org()
    first, same, changed = (llm_run(org, provider, generation=number) for number in (1, 2, 3))
    run_job(first)
    run_job(same)
    assert (first_job(local, same), result_of(local, same).unchanged) == ("query", True)
    local.providers.keys.restate(Restatement(key=key_of(local, org, provider).key, date=FIXTURE_DAY, factor=Decimal(2)))
    run_job(changed)
    found = result_of(local, changed)
    assert found.difference is not None
    costs = sum(row["amount"] for row in rows_of(local, org, COSTS[provider]))
    assert found.fingerprint.cost == {"USD": costs}
    assert found.difference.cost["USD"] == costs - result_of(local, first).fingerprint.cost["USD"]
    assert first_job(local, changed) == "load"


def test_a_try_that_has_begun_to_load_goes_on(local: Local, new_org: NewOrgs, run_job: RunJob, tmp_path: Path) -> None:
    """Where an earlier try has replaced a table already, the run loads, even the rows that the day had before."""
    org = new_org()
    change_key(local, org, "openai", rows=0)
    run_job(llm_run(org, "openai"))
    run, labels = llm_run(org, "openai", generation=2), {PARTS: "2", ATTEMPT: "dead"}
    empty = empty_part(local, org.org_slug, "openai_usage_daily_raw", tmp_path / "empty")
    target = (DayPartition(empty.dataset, empty.table, run.date), empty.parquet, empty.columns)
    job = local.warehouse.start_load(f"load_{run.run_id}_0", *target, labels)
    assert job
    local.warehouse.wait_for(job, lambda: None)
    run_job(run)
    assert (detail(local, run)["status"], result_of(local, run).unchanged) == ("SUCCESS", False)
    assert local.warehouse.job(f"load_{run.run_id}_2").job_type == "load"  # type: ignore[union-attr]


def batch(**columns: list[Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def digest(*batches: pa.RecordBatch) -> str:
    found = Digest()
    for each in batches:
        found.add(each)
    return found.content.digest


ROWS = st.lists(st.tuples(st.none() | st.text(max_size=3), st.none() | st.text(max_size=3)), max_size=6)


@given(ROWS, ROWS)
def test_digests_tell_days_apart(one: list[Any], other: list[Any]) -> None:
    """Two days have the same digest exactly where they have the same rows, as often, in whatever order and batches."""

    def of(rows: list[Any]) -> str:
        batches = [batch(a=pa.array([a], pa.string()), b=pa.array([b], pa.string())) for a, b in rows]
        return digest(*batches)

    assert (of(one) == of(other)) == (Counter(one) == Counter(other))
    assert of(one) == of(one[::-1])


def test_who_wrote_a_row_does_not_count() -> None:
    """The run's own columns are no part of the digest; every other column is."""
    rows: dict[str, list[Any]] = {"cost": [Decimal("1.5"), None], "at": [NOON, None], "run_id": ["a", "b"]}
    assert digest(batch(**rows)) == digest(batch(**rows | {"run_id": ["c", "d"]}))
    assert digest(batch(**rows)) != digest(batch(**rows | {"at": [None, NOON]}))


def read(as_of: datetime | None, rows: int = 1) -> Fingerprint:
    return Fingerprint(rows=rows, cost={}, source_as_of=as_of, tables={})


@pytest.mark.parametrize(
    ("read_at", "found", "expected"),
    [
        ("2026-11-10T23:59:00Z", read(None), "provisional"),
        ("2026-11-11T06:00:00Z", read(None), "settling"),
        ("2026-11-11T06:00:00Z", read(None, rows=0), "provisional"),
        ("2026-11-12T06:00:00Z", read(datetime(2026, 11, 10, 22, tzinfo=UTC)), "provisional"),
        ("2026-11-12T06:00:00Z", read(datetime(2026, 11, 11, 4, tzinfo=UTC)), "settling"),
        ("2026-11-16T23:00:00Z", read(None), "settling"),
        ("2026-11-17T06:00:00Z", read(datetime(2026, 11, 10, 22, tzinfo=UTC)), "final"),
    ],
)
def test_completeness(read_at: str, found: Fingerprint, expected: str) -> None:
    """Provisional until the day can be whole, settling while restatements are planned, final from the last on."""
    assert completeness(FIXTURE_DAY, datetime.fromisoformat(read_at), found, (2, 3, 7)) == expected


def test_the_detail_shows_it(local: Local, read_thrice: ReadThrice, api: FlaskClient) -> None:
    """GET …/runs/{id} has the result as an object, amounts as plain text."""
    org = read_thrice.org
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{billing_run(org, generation=2).run_id}"
    told = api.get(path, headers={"X-API-Key": org.api_key}).get_json()["result"]
    assert (told["unchanged"], told["completeness"], told["difference"]) == (True, "final", {"rows": 0, "cost": {}})
    assert told["previous"]["fingerprint"]["cost"] == told["fingerprint"]["cost"]
    assert Decimal(told["fingerprint"]["cost"]["USD"]) == sum(row["net_cost"] for row in table(local, org))


def test_a_refreshed_day_is_not_a_changed_one() -> None:
    """When the provider wrote its rows is known, and is no part of the digest."""

    def of(day: int) -> Digest:
        found = Digest(Tally(money="amount", as_of="data_refreshed_at"))
        found.add(
            batch(
                amount=pa.array([1], pa.decimal128(38, 9)),
                currency=pa.array(["USD"]),
                data_refreshed_at=pa.array([datetime(2026, 11, day, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            )
        )
        return found

    assert of(1).content == of(2).content
    assert of(2).tally.newest == datetime(2026, 11, 2, tzinfo=UTC)
