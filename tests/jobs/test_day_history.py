"""The history of a day: each successful run records what it found, and the changes add up to what the day costs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import sleep
from typing import Any, cast

import pytest

from cloudact import clients
from cloudact.runs.result import ChangeCause, Completeness, Earlier, Fingerprint, Previous, Result
from cloudact.runs.run import TriggerType
from cloudact.warehouse.bigquery import Warehouse
from jobs.change_cause import cause_of
from jobs.day_history import record_day
from localcloud.onboarding import OnboardedOrg
from localcloud.providers.keys import Restatement
from providers.org_day import OrgDay
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run, load_fixture_export, load_rows
from tests.jobs.conftest import RunJob, detail
from tests.jobs.test_usage_cost_run import COSTS, change_key, key_of, llm_run
from tests.log_lines import written_lines

LATER = datetime(2026, 12, 1, tzinfo=UTC)


def history(local: Local, org: OnboardedOrg) -> list[dict[str, Any]]:
    """The records of all runs of the org, in the order of their generations."""
    return local.query(f"SELECT * FROM {org.org_slug}.day_history ORDER BY generation")


def changes(local: Local, org: OnboardedOrg) -> list[dict[str, Any]]:
    """The rows of `cost_changes` in dollars."""
    sql = f"SELECT * FROM {org.org_slug}.cost_changes WHERE currency = 'USD' ORDER BY generation"
    return local.query(sql)


def restate(local: Local, org: OnboardedOrg, provider: str, factor: Decimal) -> None:
    """Multiplies all numbers of the day at the stand-in."""
    key = key_of(local, org, provider).key
    local.providers.keys.restate(Restatement(key=key, date=FIXTURE_DAY, factor=factor))


@pytest.fixture(scope="module")
def read_thrice(shared_local: Local, orgs: NewOrgs, run_job: RunJob) -> OnboardedOrg:
    """An org whose day was loaded, read again unchanged, and restated for a late row; tests only read it."""
    org = orgs(views=("cost_changes",))
    first = load_fixture_export(shared_local, org)[0]
    run_job(billing_run(org))
    run_job(billing_run(org, generation=2))
    load_rows(shared_local, org, [first | {"cost": 7.000000001, "export_time": "2026-11-12 01:00:00 UTC"}])
    run_job(billing_run(org, generation=3, trigger_type=TriggerType.RESTATEMENT))
    return org


def test_each_run_records_what_it_found(local: Local, read_thrice: OnboardedOrg) -> None:
    """A first load, a day that is unchanged and one with a late row: three records, of which two are changes."""
    org = read_thrice
    found = history(local, org)
    assert [(row["is_changed"], row["cause"]) for row in found] == [
        (True, "first_load"), (False, None), (True, "late_rows"),
    ]  # fmt: skip
    assert [row["trigger_type"] for row in found] == ["api", "api", "restatement"]
    assert {(row["usage_date"], row["org_slug"], row["provider"], row["pipeline"]) for row in found} == {
        (FIXTURE_DAY, org.org_slug, "gcp", "gcp_billing")
    }
    late = changes(local, org)[1]
    assert (late["cost_change"], late["rows_after"] - late["rows_before"]) == (Decimal("7.000000001"), 0)


def test_changes_add_up_to_what_the_day_costs(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """For each currency of the raw table, also one that comes later, the changes add up to the rows' last digit."""
    org = new_org(views=("cost_changes",))
    first = load_fixture_export(local, org)[0]
    run_job(billing_run(org))
    late = first | {"export_time": "2026-11-12 01:00:00 UTC"}
    load_rows(local, org, [late | {"cost": -3.000000007}, late | {"cost": 4.000000001, "currency": "EUR"}])
    run_job(billing_run(org, generation=2))
    sums = "SELECT currency, SUM({}) AS cost FROM {} GROUP BY currency ORDER BY currency"
    told = local.query(sums.format("cost_change", f"{org.org_slug}.cost_changes"))
    assert told == local.query(sums.format("net_cost", f"{org.org_slug}.gcp_billing_daily_raw"))
    assert [row["currency"] for row in told] == ["EUR", "USD"]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_providers_correction(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """A restatement with no more rows is the provider's correction; a run that is forced is called so."""
    org = new_org(views=("cost_changes",))
    runs = [llm_run(org, provider, generation=number, requested_at=LATER) for number in (1, 2, 3)]
    run_job(runs[0])
    restate(local, org, provider, Decimal("0.9"))
    run_job(runs[1])
    restate(local, org, provider, Decimal(1))
    run_job(runs[2].model_copy(update={"force_refresh": True}))
    found = changes(local, org)
    assert [row["cause"] for row in found] == ["first_load", "provider_correction", "forced"]
    assert found[1]["cost_change"] < 0
    (raw,) = local.query(f"SELECT SUM(amount) AS cost FROM {org.org_slug}.{COSTS[provider]}")
    assert raw["cost"] == found[2]["cost_after"] == found[0]["cost_after"]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_what_of_a_day_is_credits(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """Each change tells the credits before and after it, up or down, to the sum of the rows that FOCUS calls Credit; a
    result of an older version tells none, and they are NULL."""
    org = new_org(views=("focus_costs",))
    if provider == "anthropic":  # the analytics of an enterprise have no credits
        change_key(local, org, provider, scopes={"org:admin"})
    told = []
    for number, factor in enumerate(("1", "1.5", "0.9"), start=1):
        restate(local, org, provider, Decimal(factor))
        run_job(llm_run(org, provider, generation=number, requested_at=LATER))
        (found,) = local.query(
            f"SELECT SUM(BilledCost) AS cost FROM {org.org_slug}.focus_costs "
            f"WHERE ChargeCategory = 'Credit' AND x_UsageDate = '{FIXTURE_DAY}'"
        )
        told.append(found["cost"])
    assert told[1] < told[0] < told[2] < 0
    assert [row["credits"] for row in history(local, org)] == [
        [{"currency": "USD", "before": before, "after": after}] for before, after in zip([0, *told], told, strict=False)
    ]
    last = Result.model_validate_json(detail(local, llm_run(org, provider, generation=3, requested_at=LATER))["result"])
    untold = last.fingerprint.model_copy(update={"credits": None})
    older = last.model_copy(update={"previous": Previous(run_id="r", generation=3, fingerprint=untold)})
    day = OrgDay(llm_run(org, provider, generation=4), org.org_slug, local.warehouse)
    record_day(day, older, {COSTS[provider]: 1}, "1", NOON, NOON)
    assert history(local, org)[3]["credits"] == [{"currency": "USD", "before": None, "after": told[2]}]


def recorded_first(local: Local, org: OnboardedOrg, read: OnboardedOrg) -> Result:
    """The result of a day that was read, which is recorded as the org's own first load."""
    result = Result.model_validate_json(detail(local, billing_run(read))["result"])
    day = OrgDay(billing_run(org), org.org_slug, local.warehouse)
    record_day(day, result, {"gcp_billing_daily_raw": 0}, "1", NOON, NOON)
    return result


def test_a_currency_that_is_gone(local: Local, new_org: NewOrgs, read_thrice: OnboardedOrg) -> None:
    """A currency that the day does not have any more is a change down to nothing."""
    org = new_org(views=("cost_changes",))
    result = recorded_first(local, org, read_thrice)
    was = Previous(run_id="r", generation=1, fingerprint=result.fingerprint)
    empty = result.fingerprint.model_copy(update={"cost": {"EUR": Decimal("0.5")}})
    day = OrgDay(billing_run(org, generation=2), org.org_slug, local.warehouse)
    gone = result.model_copy(update={"previous": was, "fingerprint": empty, "cause": ChangeCause.CORRECTION})
    for _ in range(2):  # a run that is tried again records once
        record_day(day, gone, {"gcp_billing_daily_raw": 1}, "1", NOON, NOON)
    cost = result.fingerprint.cost["USD"]
    assert [(row["cost_before"], row["cost_after"]) for row in changes(local, org)] == [(0, cost), (cost, 0)]
    assert len(history(local, org)) == 2


def test_a_run_that_does_not_know_what_was_before(local: Local, new_org: NewOrgs, read_thrice: OnboardedOrg) -> None:
    """Where the run before has left no result, neither the cost before nor the cause is known: both are NULL."""
    org = new_org(views=("cost_changes",))
    result = recorded_first(local, org, read_thrice)
    day = OrgDay(billing_run(org, generation=3), org.org_slug, local.warehouse)
    dearer = result.fingerprint.model_copy(update={"cost": {"USD": Decimal(99)}})
    unknown = result.model_copy(update={"cause": None, "fingerprint": dearer})
    record_day(day, unknown, {"gcp_billing_daily_raw": 7}, "1", NOON, NOON)
    assert history(local, org)[1]["costs"] == [{"currency": "USD", "before": None, "after": Decimal(99)}]
    change = changes(local, org)[1]
    assert (change["cause"], change["cost_before"], change["cost_change"]) == (None, None, None)


def test_a_history_that_cannot_be_written(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The run succeeds with its rows loaded, and the log says that the day was not recorded."""
    org = new_org()
    load_fixture_export(local, org)
    clients.bigquery(local.settings).delete_table(f"{org.org_slug}.day_history")
    with written_lines() as lines:
        assert run_job(billing_run(org)) == 0
    assert detail(local, billing_run(org))["status"] == "SUCCESS"
    (told,) = lines.of("day_not_recorded")
    assert (told["severity"], told["org_slug"]) == ("WARNING", org.org_slug)
    assert "day_history" in told["why"]


class Trouble:
    """A BigQuery that takes the record and never ends it, or that fails as nobody has foreseen."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.looks = 0

    def start_query(self, *_: Any, **__: Any) -> str:
        if self.error:
            raise self.error
        return "job"

    def wait_for(self, _job: str, tick: Callable[[], None]) -> None:
        while True:
            self.looks += 1
            tick()
            sleep(0.01)


@pytest.mark.parametrize("error", [None, KeyError("schema"), ValueError("no JSON")], ids=["endless", "key", "value"])
def test_a_record_that_never_ends_or_fails(new_org: NewOrgs, error: Exception | None) -> None:
    """The wait for the record is bounded, and whatever it fails with is logged: the day is loaded."""
    org, trouble = new_org(), Trouble(error)
    run = billing_run(org)
    nothing = Fingerprint(rows=0, cost={}, source_as_of=None, tables={})
    result = Result(
        fingerprint=nothing, previous=None, difference=None, unchanged=False, completeness=Completeness.PROVISIONAL
    )
    with written_lines() as lines:
        record_day(OrgDay(run, org.org_slug, cast("Warehouse", trouble)), result, {}, "1", NOON, NOON, within_s=0.05)
    (told,) = lines.of("day_not_recorded")
    assert told["why"] == (str(error) if error else "BigQuery has not added the row within 0.05 seconds")
    assert (trouble.looks > 1) is (error is None)


def fingerprint_of(rows: int, cost: str) -> Fingerprint:
    return Fingerprint(rows=rows, cost={"USD": Decimal(cost)}, source_as_of=None, tables={})


@pytest.mark.parametrize(
    ("rows", "cost", "version", "over", "cause"),
    [
        (3, "5", "1.0", True, "provider_correction"),
        (4, "5", "1.0", True, "late_rows"),
        (3, "6", "2.0", True, "provider_correction"),
        (3, "5", "2.0", True, "code"),
        (4, "5", "2.0", True, "code"),
        (3, "6", "1.0", False, "late_rows"),
    ],
    ids=[
        "other words",
        "more rows",
        "another cost",
        "another file",
        "another file makes more rows",
        "the day was not over",
    ],
)
def test_what_is_called_the_cause(rows: int, cost: str, version: str, over: bool, cause: str) -> None:
    """More rows are late rows, and so is what a day gets that was not over; the same money under another version is
    code; all else is the provider's."""
    before = Previous(run_id="r", generation=1, fingerprint=fingerprint_of(3, "5"))
    earlier = Earlier(previous=before, day_over=over, version="1.0")
    run = llm_run(OnboardedOrg("acme", "key", {}), "openai")
    assert cause_of(run, fingerprint_of(rows, cost), earlier, {"t": 3}, version) == ChangeCause(cause)


def test_tables_that_were_emptied(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A day whose rows are gone is loaded for the first time again, from nothing."""
    org = new_org(views=("cost_changes",))
    load_fixture_export(local, org)
    run_job(billing_run(org))
    for table in ("gcp_billing_daily_raw", "day_history"):
        clients.bigquery(local.settings).query_and_wait(f"DELETE FROM {org.org_slug}.{table} WHERE TRUE")
    run_job(billing_run(org, generation=2))
    (change,) = changes(local, org)
    (raw,) = local.query(f"SELECT SUM(net_cost) AS cost FROM {org.org_slug}.gcp_billing_daily_raw")
    assert (change["cause"], change["cost_before"], change["cost_change"]) == ("first_load", 0, raw["cost"])


def test_rows_of_a_day_that_had_none(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A day that was read too early, and had nothing, gets late rows."""
    org = new_org(views=("cost_changes",))
    first = load_fixture_export(local, org)[0]
    empty = FIXTURE_DAY + timedelta(days=12)
    run_job(billing_run(org, empty, requested_at=LATER))
    late = {"usage_start_time": f"{empty} 05:00:00 UTC", "export_time": f"{empty} 09:00:00 UTC"}
    load_rows(local, org, [first | late | {"_partition_date": str(empty)}])
    run_job(billing_run(org, empty, generation=2, requested_at=LATER))
    assert [(each["cause"], each["rows_after"]) for each in history(local, org)] == [
        ("first_load", 0),
        ("late_rows", 1),
    ]


def test_a_day_that_is_older_than_its_history(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """What a day cost before its history begins is its first change, also where no run has replaced it since."""
    org = new_org(views=("cost_changes",))
    first = load_fixture_export(local, org)[0]
    run_job(billing_run(org))
    clients.bigquery(local.settings).query_and_wait(f"DELETE FROM {org.org_slug}.day_history WHERE TRUE")
    run_job(billing_run(org, generation=2))
    (alone,) = changes(local, org)
    load_rows(local, org, [first | {"cost": 7.5, "export_time": "2026-11-12 01:00:00 UTC"}])
    run_job(billing_run(org, generation=3))
    found = changes(local, org)
    (raw,) = local.query(f"SELECT SUM(net_cost) AS cost FROM {org.org_slug}.gcp_billing_daily_raw")
    assert [row["cause"] for row in found] == ["before_history", "late_rows"]
    assert sum(row["cost_change"] for row in found) == raw["cost"]
    assert alone["cost_change"] == raw["cost"] - Decimal("7.5")


def test_the_cause_is_in_the_runs_detail(local: Local, read_thrice: OnboardedOrg) -> None:
    """The result that the API answers has the cause of a change, and none where nothing was loaded."""
    assert '"cause":"first_load"' in detail(local, billing_run(read_thrice))["result"]
    assert "cause" not in detail(local, billing_run(read_thrice, generation=2))["result"]
