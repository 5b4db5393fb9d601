"""The past of a demo org is what its runs would have left: the job's own run of any of its days finds nothing new."""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudact.runs.run import Run, TriggerType
from jobs.attempt import work
from jobs.composition import compose
from jobs.container import Execution
from localcloud.company.activity import Account
from localcloud.company.anthropic import anthropic_day
from localcloud.company.google import export_rows, net_cost
from localcloud.company.names import ANTHROPIC_KEYS, OPENAI_KEYS, OPENAI_PROJECTS, WORKSPACES
from localcloud.company.openai import openai_day
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from localcloud.past.daily_calls import PastOrg, live_through
from localcloud.providers.anthropic.costs import costs_of
from localcloud.providers.openai.costs import costs_of_usage
from tests.conftest import NOON, Local, billing_run, load_rows
from tests.copied_tables import CopiedTables
from tests.log_lines import written_lines

TODAY = NOON.date()
ACCOUNT = Account("acmecorp", date(2026, 10, 20))
DAYS = [date(2026, 10, 30) + timedelta(days=number) for number in range(13)]  # with the first of a month
PIPELINES = {"gcp_billing": "gcp", "openai_usage_cost": "openai", "anthropic_usage_cost": "anthropic"}
SEED = 1


@dataclass(frozen=True)
class Lived:
    """An org with a past, how many runs it has, and what went wrong meanwhile, as the log has it."""

    local: Local
    org: OnboardedOrg
    past: PastOrg
    runs: int
    warnings: list[str]

    def read(self, sql: str) -> list[dict[str, Any]]:
        return self.local.query(sql.format(org=self.org.org_slug))


@pytest.fixture(scope="module")
def lived(session_cloud: Local, copied_tables: CopiedTables) -> Lived:
    """Thirteen days, the last of them yesterday, which today's call would have run."""
    local, slug = session_cloud, "org_with_a_past"
    source = {
        "source_project": "org-with-a-past-billing",
        "source_dataset": "billing_export",
        "source_table": "gcp_billing_export_v1_012345_6789AB_CDEF01",
    }
    accounts = (
        ProviderAccount("OPENAI", SEED, company=ACCOUNT),
        ProviderAccount("ANTHROPIC", SEED, company=ACCOUNT),
    )
    new = NewOrg(slug, source, accounts=accounts, at=datetime(2026, 10, 30, 9, tzinfo=UTC))
    org = onboard(local.settings, new, copied_tables)
    load_rows(local, org, [row for day in DAYS for row in export_rows(ACCOUNT, day, detailed=False)])
    keys = tuple(account.registered(org.credentials[account.integration]) for account in accounts)
    past = PastOrg(slug, {"GCP_SA": source, "OPENAI": {}, "ANTHROPIC": {}}, keys)
    with written_lines(logging.WARNING) as lines:
        runs = live_through(local.settings, past, DAYS, TODAY)
    return Lived(local, org, past, runs, lines.text)


def charged(day: date) -> dict[str, Decimal]:
    """What the vendors charge for a day before tax, computed without any pipeline."""
    openai = costs_of_usage(lambda report: openai_day(ACCOUNT, day, report))
    anthropic = costs_of(anthropic_day(ACCOUNT, day), SEED, Decimal(1))
    return {
        "gcp": net_cost(ACCOUNT, day),
        "openai": sum((fact.measures[0] for fact in openai), Decimal()),
        "anthropic": sum((fact.measures[1] for fact in anthropic), Decimal()) / 100,
    }


def test_costs_are_those_of_the_vendors(lived: Lived) -> None:
    """What the org's view says of each day and provider is usage times prices, each row of it to nine decimals."""
    rows = lived.read(
        "SELECT x_UsageDate AS day, x_Provider AS provider, SUM(BilledCost) AS cost FROM `{org}.focus_costs` "
        "WHERE x_UsageDate >= '2026-10-30' AND ChargeCategory != 'Tax' GROUP BY day, provider"
    )
    known = {(row["day"], row["provider"]): row["cost"] for row in rows}
    late = late_lines()
    for day in DAYS[:-1]:
        for provider, cost in charged(day).items():
            if (day, provider) in late:
                continue
            off = abs(known.pop((day, provider)) - cost)
            assert off == 0 if provider == "gcp" else off < Decimal("1e-7"), (day, provider)
    assert {day for day, _ in known} <= {day for day, _ in late}


def late_lines() -> set[tuple[date, str]]:
    """Days of which a row is exported after the day's last run.

    A row that comes later is seen by the scan of the next call, and loaded by the call after that.
    """
    found = set()
    for day in DAYS[:-1]:
        last = max(ago for ago in (1, 2, 3, 7) if day + timedelta(days=ago) < TODAY)
        read = max(f"{day + timedelta(days=last)} 06:00", f"{TODAY - timedelta(days=2)} 06:00")
        rows = [row for row in export_rows(ACCOUNT, day, detailed=False) if row["cost_type"] != "tax"]
        if any(row["export_time"] > read for row in rows):
            found.add((day, "gcp"))
    return found


def test_the_ledger_has_every_run(lived: Lived) -> None:
    """Each day has the run of the morning after, the restatements that were due, and one for rows that came late."""
    rows = lived.read("SELECT * FROM organizations.org_meta_pipeline_runs WHERE org_slug = '{org}'")
    assert (len(rows), {row["status"] for row in rows}) == (lived.runs, {"SUCCESS"})
    assert {row["triggered_by"] for row in rows} == {"scheduler"}
    for pipeline in PIPELINES:
        ages = Counter((row["requested_date"] - row["date"]).days for row in rows if row["pipeline"] == pipeline)
        late = {5: 1} if pipeline == "gcp_billing" else {}
        assert ages == {1: 12, 2: 11, 3: 10, 7: 6, **late}
    assert all(row["started_at"] < row["completed_at"] for row in rows)
    counted = lived.read(
        "SELECT COUNT(*) AS runs FROM organizations.pipeline_run_events WHERE counted AND org_slug = '{org}'"
    )
    assert counted == [{"runs": 0}]


def test_nothing_went_wrong(lived: Lived) -> None:
    """No step of a run was left out with a warning: names are read, and there is no invoice to carry."""
    assert lived.warnings == []


def test_the_history_has_the_vendors_totals(lived: Lived) -> None:
    """What OpenAI and Anthropic told of a day themselves is beside what was loaded; Google tells no total."""
    rows = lived.read(
        "SELECT provider, is_total_known, (SELECT SUM(told.total) FROM UNNEST(totals) AS told) AS total, "
        "(SELECT SUM(told.after) FROM UNNEST(costs) AS told) AS cost FROM `{org}.day_history`"
    )
    assert len(rows) == lived.runs
    assert {(row["provider"], row["is_total_known"]) for row in rows} == {
        ("gcp", False), ("openai", True), ("anthropic", True),
    }  # fmt: skip
    for row in rows:
        if row["is_total_known"]:
            assert abs(row["total"] - row["cost"]) < Decimal("1e-7"), row


def test_views_agree_with_the_runs(lived: Lived) -> None:
    """Days a week old are final and the others settle; nothing is half loaded, and changes add up to the costs."""
    settled = lived.read("SELECT usage_date, settledness, completeness, generation FROM `{org}.settledness`")
    assert {(row["usage_date"] <= date(2026, 11, 4), row["completeness"]) for row in settled} == {
        (True, "final"), (False, "settling"),
    }  # fmt: skip
    assert not lived.read("SELECT usage_date FROM `{org}.loaded_days` WHERE is_half_loaded")
    changes = lived.read(
        "SELECT usage_date, provider, SUM(cost_change) AS cost FROM `{org}.cost_changes` GROUP BY usage_date, provider"
    )
    costs = lived.read(
        "SELECT x_UsageDate AS usage_date, x_Provider AS provider, SUM(BilledCost) AS cost FROM `{org}.focus_costs` "
        "GROUP BY usage_date, provider"
    )
    assert sorted(map(repr, changes)) == sorted(map(repr, costs))
    causes = {row["cause"] for row in lived.read("SELECT cause FROM `{org}.cost_changes`")}
    assert causes == {"first_load", "late_rows"}


def test_todays_scan_goes_on_where_the_last_one_ended(lived: Lived) -> None:
    """The scans of the past are in the ledger: the newest row that they have seen is the watermark of the next one."""
    (last,) = lived.read(
        "SELECT JSON_VALUE(result, '$.look.source') AS source, JSON_VALUE(result, '$.look.watermark') AS watermark "
        "FROM organizations.org_meta_pipeline_runs WHERE org_slug = '{org}' AND pipeline = 'gcp_billing' "
        "AND JSON_VALUE(result, '$.look.at') IS NOT NULL ORDER BY requested_date DESC LIMIT 1"
    )
    assert last["source"] == ".".join(lived.past.settings["GCP_SA"].values())
    rows = [row for day in DAYS for row in export_rows(ACCOUNT, day, detailed=False)]
    seen = max(row["export_time"] for row in rows if row["export_time"] < f"{DAYS[-1]} 06:00")
    assert datetime.fromisoformat(last["watermark"]).strftime("%F %T") == seen[:19]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_run_of_today_finds_the_days_loaded(lived: Lived, pipeline: str) -> None:
    """The job itself, reading from the stand-ins over HTTP, finds every row loaded that it would load."""
    name, domain = ("billing", "cost") if pipeline == "gcp_billing" else ("usage_cost", "")
    late = {day for day, _ in late_lines()} if pipeline == "gcp_billing" else set()
    lived.local.clock.now = NOON
    for day in (date(2026, 11, 1), date(2026, 11, 4), date(2026, 11, 9)):
        if day in late:
            continue
        run = billing_run(
            lived.org, day, pipeline=pipeline, provider=PIPELINES[pipeline], domain=domain, name=name, generation=9,
            trigger_type=TriggerType.API,
        )  # fmt: skip
        assert unchanged(lived.local, run)


def test_ids_have_the_names_of_the_company(lived: Lived) -> None:
    """Each project, workspace and key of the costs is called what the company calls it, since the first call."""
    rows = lived.read(
        "SELECT DISTINCT x_Provider, SubAccountId, SubAccountName, x_ApiKeyId, x_ApiKeyName FROM `{org}.focus_costs` "
        "WHERE x_UsageDate >= '2026-10-30' AND x_Provider != 'gcp'"
    )
    assert {row["SubAccountName"] for row in rows if row["SubAccountId"]} == {
        *OPENAI_PROJECTS.values(), *WORKSPACES[1:],
    }  # fmt: skip
    assert {row["x_ApiKeyName"] for row in rows if row["x_ApiKeyId"]} == {name for _, name in OPENAI_KEYS.values()}
    used = lived.read(
        "SELECT DISTINCT api_key_id AS id FROM `{org}.anthropic_usage_daily_raw` WHERE usage_date >= '2026-10-30' "
        "AND api_key_id IS NOT NULL"
    )
    named = lived.read("SELECT id, name FROM `{org}.provider_names` WHERE provider = 'anthropic' AND kind = 'api_key'")
    assert {row["id"] for row in used} <= {row["id"] for row in named}
    assert {row["name"] for row in named} == {name for _, name in ANTHROPIC_KEYS.values()}


def test_a_run_of_today_finds_the_names(lived: Lived) -> None:
    """The first real run of a day reads the lists too, and finds no name that the past has not recorded."""
    tomorrow = NOON + timedelta(days=1)
    recorded = (
        "SELECT MIN(observed_at) AS first, MAX(observed_at) AS last, COUNT(*) AS n FROM `{org}.provider_name_changes`"
    )
    (before,) = lived.read(recorded)
    assert {before["first"].date(), before["last"].date()} == {DAYS[1]}
    lived.local.clock.now = tomorrow
    lived.local.providers.log.reset()
    for provider in ("openai", "anthropic"):
        run = billing_run(
            lived.org, DAYS[-1], pipeline=f"{provider}_usage_cost", provider=provider, domain="", name="usage_cost",
            trigger_type=TriggerType.API,
        )  # fmt: skip
        assert (
            work(compose(lived.local.settings, lambda: tomorrow), run, Execution(f"names-{provider}", 0, 0, True)) == 0
        )
    assert {"/v1/organization/projects", "/v1/organizations/workspaces"} <= {
        each["path"] for each in lived.local.providers.log.summary()["requests"]
    }
    assert lived.read(recorded) == [before]


def unchanged(local: Local, run: Run) -> bool:
    job = compose(local.settings, lambda: NOON)
    assert work(job, run, Execution(f"runner-{run.run_id[:8]}", 0, 0, True)) == 0
    (row,) = local.query(
        f"SELECT JSON_VALUE(result, '$.unchanged') AS unchanged FROM organizations.pipeline_run_events "
        f"WHERE run_id = '{run.run_id}' AND status = 'SUCCESS'"
    )
    return bool(row["unchanged"] == "true")


def test_nothing_is_lived_twice(lived: Lived) -> None:
    """Where every day has its runs, or none is before yesterday, there is nothing to work on."""
    assert live_through(lived.local.settings, lived.past, [], TODAY) == 0
    assert live_through(lived.local.settings, lived.past, [TODAY, TODAY - timedelta(days=1)], TODAY) == 0
