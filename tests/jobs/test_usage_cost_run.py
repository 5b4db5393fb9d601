"""Whole runs of openai_usage_cost and anthropic_usage_cost on the local cloud: what they load, tell, and survive."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import pytest

from cloudact.errors import Skip
from cloudact.orgs.integrations import Integrations
from cloudact.pipelines.config import Step
from cloudact.pipelines.registry import load_registry
from cloudact.runs.load import RunLoad
from cloudact.runs.run import Run
from jobs.container import Execution
from jobs.day_load import DayLoad
from jobs.heartbeat import Heartbeat
from jobs.processor import SourceProcessor
from jobs.progress import RunProgress, StepProgress
from localcloud.onboarding import OnboardedOrg
from localcloud.providers.anthropic.costs import analytics_total, cost_report_total
from localcloud.providers.faults import Fault
from localcloud.providers.keys import RegisteredKey, Restatement
from localcloud.providers.openai.costs import openai_total
from localcloud.providers.openai.usage import openai_usage
from providers import PROVIDERS
from providers.calls import MOST_AT_ONCE
from providers.org_day import OrgDay
from providers.source import Source
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run
from tests.jobs.conftest import RunJob, detail, steps
from tests.log_lines import written_lines
from tests.providers.vendor import Vendor, costs, fixture_pages

REPORTING = ("openai", "anthropic")
TABLES = {
    "openai": ("openai_usage_daily_raw", "openai_cost_daily_raw"),
    "anthropic": ("anthropic_usage_daily_raw", "anthropic_claude_code_daily_raw", "anthropic_cost_daily_raw"),
}
COSTS = {"openai": "openai_cost_daily_raw", "anthropic": "anthropic_cost_daily_raw"}
COST_PATH = {"openai": "/organization/costs", "anthropic": "/cost_report"}


@pytest.fixture(autouse=True)
def no_faults_of_others(local: Local) -> Iterator[None]:
    """No fault or log of another test is left."""
    local.providers.faults.clear()
    local.providers.log.reset()
    yield
    local.providers.faults.clear()


def llm_run(org: OnboardedOrg, provider: str, day: date = FIXTURE_DAY, **changes: Any) -> Run:
    """A run of the provider's pipeline as the trigger would ask for it."""
    wanted = {"pipeline": f"{provider}_usage_cost", "provider": provider, "domain": "", "name": "usage_cost"}
    return billing_run(org, day, **(wanted | changes))


def key_of(local: Local, org: OnboardedOrg, provider: str) -> RegisteredKey:
    """What the stand-in knows of the org's key."""
    text = org.credentials[provider.upper()]["api_key"]
    return next(key for key in local.providers.keys.known() if key.key == text)


def change_key(local: Local, org: OnboardedOrg, provider: str, **changes: Any) -> RegisteredKey:
    changed = key_of(local, org, provider).model_copy(update=changes)
    local.providers.keys.register(changed)
    return changed


def rows_of(local: Local, org: OnboardedOrg, table: str) -> list[dict[str, Any]]:
    return sorted(local.query(f"SELECT * FROM {org.org_slug}.{table}"), key=repr)


def messages(local: Local, run: Run) -> list[tuple[str, str]]:
    """Level and text of everything that the run's steps say."""
    return [(m["level"], m["text"]) for step in steps(local, run) for m in step["messages"]]


def integration_status(local: Local, org: OnboardedOrg, provider: str) -> Any:
    sql = (
        "SELECT status, last_error FROM organizations.org_integrations "
        f"WHERE org_slug = '{org.org_slug}' AND integration = '{provider.upper()}' ORDER BY updated_at DESC LIMIT 1"
    )
    return local.query(sql)[0]


@pytest.fixture(scope="module")
def loaded(shared_local: Local, orgs: NewOrgs, run_job: RunJob) -> OnboardedOrg:
    """An org with the day of each provider; tests only read it."""
    shared_local.providers.faults.clear()
    org = orgs()
    for provider in REPORTING:
        assert run_job(llm_run(org, provider)) == 0
    return org


@pytest.mark.parametrize("provider", REPORTING)
def test_a_run_loads_and_reconciles(local: Local, loaded: OnboardedOrg, provider: str) -> None:
    """All tables get the day; the costs' sum is the provider's own total, and both figures are told."""
    run = llm_run(loaded, provider)
    told = detail(local, run)
    days = {table: rows_of(local, loaded, table) for table in TABLES[provider]}
    assert (told["status"], told["rows_processed"]) == ("SUCCESS", sum(map(len, days.values())))
    assert all(days.values())
    assert {(row["org_slug"], row["run_id"]) for rows in days.values() for row in rows} == {
        (loaded.org_slug, run.run_id)
    }
    assert [step["step_name"] for step in told["steps"]] == ["extract", "reconcile", "load"]
    (reconciled,) = [(level, text) for level, text in messages(local, run) if "own total" in text]
    assert reconciled[0] == "INFO", reconciled
    assert f"{sum(row['amount'] for row in days[COSTS[provider]]).normalize():f}" in reconciled[1]
    assert "the difference is 0 USD" in reconciled[1]


@pytest.mark.parametrize("provider", REPORTING)
def test_a_run_tells_how_its_pages_were_read(local: Local, loaded: OnboardedOrg, provider: str) -> None:
    """The step tells which pages went which way: all by the column, but costs with a name that holds an escape."""
    run = llm_run(loaded, provider)
    (told,) = [text for level, text in messages(local, run) if text.startswith("Pages with rows") and level == "INFO"]
    ways = dict(each.split(" ", 1) for each in told.removesuffix(".").partition(": ")[2].split("; "))
    assert {"openai": "completions", "anthropic": "claude_code"}[provider] in ways
    by_row = [name for name, counts in ways.items() if not counts.endswith(" and 0")]
    assert by_row == {"openai": ["costs"], "anthropic": []}[provider]


def test_openai_totals_equal_an_independent_computation(local: Local, loaded: OnboardedOrg) -> None:
    """Costs and tokens in the tables equal plain sums over the stand-in's facts, to the last digit of NUMERIC."""
    key = key_of(local, loaded, "openai")
    billed = rows_of(local, loaded, "openai_cost_daily_raw")
    rounding = Decimal("1e-9") * len(billed)
    assert abs(sum(row["amount"] for row in billed) - openai_total(key.seed, FIXTURE_DAY, key.rows)) < rounding
    facts = openai_usage(key.seed, FIXTURE_DAY, "completions", key.rows)
    usage = [row for row in rows_of(local, loaded, "openai_usage_daily_raw") if row["endpoint"] == "completions"]
    assert sum(row["output_text_tokens"] for row in usage) == sum(fact.measures[8] for fact in facts)
    assert sum(row["num_model_requests"] for row in usage) == sum(fact.measures[11] for fact in facts)
    assert len({tuple(row[d] for d in ("project_id", "user_id", "api_key_id", "model")) for row in usage}) > 1


def test_anthropic_totals_equal_an_independent_computation(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The costs of both generations of the API equal plain sums over the stand-in's facts, which are in cents."""
    org = new_org()
    key = key_of(local, org, "anthropic")
    expected = {"reports": cost_report_total, "analytics": analytics_total}
    for generation, (api, total_of) in enumerate(expected.items(), 1):
        set_api(local, org, api)
        run_job(llm_run(org, "anthropic", generation=generation))
        loaded = rows_of(local, org, "anthropic_cost_daily_raw")
        cents = total_of(key.seed, FIXTURE_DAY, key.rows)
        assert abs(sum(row["amount"] for row in loaded) - cents / 100) < Decimal("1e-9") * len(loaded)
        assert {row["api"] for row in loaded} == {"cost_report" if api == "reports" else "analytics"}


def test_a_day_of_the_analytics(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """With `api: analytics` the costs are the same money, by API key, with list costs and a freshness."""
    org = new_org()
    run_job(llm_run(org, "anthropic"))
    before = rows_of(local, org, "anthropic_cost_daily_raw")
    set_api(local, org, "analytics")
    again = llm_run(org, "anthropic", generation=2)
    run_job(again)
    assert detail(local, again)["status"] == "SUCCESS"
    after = rows_of(local, org, "anthropic_cost_daily_raw")
    assert {row["api"] for row in after} == {"analytics"}
    assert {row["api"] for row in before} == {"cost_report"}
    assert any(row["api_key_id"] for row in after)
    assert all(row["list_amount"] is not None and row["data_refreshed_at"] for row in after)
    assert not [text for level, text in messages(local, again) if level == "WARNING" and "own total" in text]


def set_api(local: Local, org: OnboardedOrg, api: str) -> None:
    """Changes the integration's setting: a newer row."""
    where = f"org_slug = '{org.org_slug}' AND integration = 'ANTHROPIC'"
    row = local.query(f"SELECT * FROM organizations.org_integrations WHERE {where}")[0]
    text = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
    later = f"2099-01-01T00:00:00.{next(local.numbers):06d}Z"
    text |= {"settings": f'{{"api": "{api}"}}', "updated_at": later}
    local.warehouse.append("org_integrations", [text], [f"{org.org_slug}/ANTHROPIC/{later}"])


@pytest.mark.parametrize("provider", REPORTING)
def test_pitfall_13_an_empty_day_empties_the_partition(
    local: Local, new_org: NewOrgs, run_job: RunJob, provider: str
) -> None:
    """A day that the provider takes back is emptied in every table, with a warning, and stays a SUCCESS."""
    org = new_org()
    run_job(llm_run(org, provider))
    local.providers.keys.restate(Restatement(key=key_of(local, org, provider).key, date=FIXTURE_DAY, factor=Decimal(0)))
    again = llm_run(org, provider, generation=2, force_refresh=True)
    run_job(again)
    assert (detail(local, again)["status"], detail(local, again)["rows_processed"]) == ("SUCCESS", 0)
    assert [rows_of(local, org, table) for table in TABLES[provider]] == [[] for _ in TABLES[provider]]
    assert any(text.startswith("The provider reports nothing") for _, text in messages(local, again))


def test_a_restated_day_is_replaced(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The next generation holds the provider's new numbers only; other days are as they were."""
    org = new_org()
    other = date(2026, 11, 9)
    run_job(llm_run(org, "openai"))
    run_job(llm_run(org, "openai", other))
    days = {day: total(local, org, day) for day in (FIXTURE_DAY, other)}
    key = key_of(local, org, "openai")
    local.providers.keys.restate(Restatement(key=key.key, date=FIXTURE_DAY, factor=Decimal(2)))
    run_job(llm_run(org, "openai", generation=2))
    assert total(local, org, other) == days[other]
    assert abs(total(local, org, FIXTURE_DAY) - openai_total(key.seed, FIXTURE_DAY, key.rows, Decimal(2))) < Decimal(
        "0.000001"
    )


class LoadedCost(NamedTuple):
    """What the rows of an org's table cost, and the runs that have loaded them."""

    amount: Decimal
    run_ids: list[str]


def loaded_cost(local: Local, org: OnboardedOrg, provider: str) -> LoadedCost:
    """The cost of all rows of a provider."""
    sql = f"SELECT SUM(amount) AS amount, ARRAY_AGG(DISTINCT run_id) AS run_ids FROM {org.org_slug}.{COSTS[provider]}"
    return LoadedCost(**local.query(sql)[0])


def total(local: Local, org: OnboardedOrg, day: date) -> Decimal:
    sql = f"SELECT SUM(amount) AS s FROM {org.org_slug}.openai_cost_daily_raw WHERE usage_date = '{day}'"
    amount: Decimal = local.query(sql)[0]["s"]
    return amount


REFUSALS = [
    ("wrong key", {"revoked": True}, "credential_rejected"),
    ("missing permission", {"scopes": frozenset()}, "permission_denied"),
]


@pytest.mark.parametrize(("_what", "change", "code"), REFUSALS, ids=[what for what, _, _ in REFUSALS])
def test_a_refused_openai_key(
    local: Local, new_org: NewOrgs, run_job: RunJob, _what: str, change: dict[str, Any], code: str
) -> None:
    """A revoked key and a missing permission end FAILED at once, mark the integration INVALID, and keep the day."""
    org = new_org()
    run_job(llm_run(org, "openai"))
    before = rows_of(local, org, "openai_cost_daily_raw")
    change_key(local, org, "openai", **change)
    again = llm_run(org, "openai", generation=2)
    assert run_job(again, last=False) == 0
    told = detail(local, again)
    assert (told["status"], told["error_code"], told["error_retryable"]) == ("FAILED", code, False)
    assert "Admin keys" in told["error_hint"]
    assert integration_status(local, org, "openai") == {"status": "INVALID", "last_error": told["error_message"]}
    assert rows_of(local, org, "openai_cost_daily_raw") == before


def test_a_refused_anthropic_key(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The same for Anthropic, whose keys have no scopes."""
    org = new_org()
    change_key(local, org, "anthropic", revoked=True)
    run = llm_run(org, "anthropic")
    run_job(run, last=False)
    told = detail(local, run)
    assert (told["status"], told["error_code"]) == ("FAILED", "credential_rejected")
    assert integration_status(local, org, "anthropic")["status"] == "INVALID"


def test_an_org_without_claude_code(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Where the Claude Code report is not granted, the others are loaded, and it is said."""
    org = new_org()
    change_key(local, org, "anthropic", scopes=frozenset({"org:admin"}))
    run = llm_run(org, "anthropic")
    run_job(run)
    assert detail(local, run)["status"] == "SUCCESS"
    assert rows_of(local, org, "anthropic_cost_daily_raw")
    assert any("refuses the Claude Code report" in text for _, text in messages(local, run))
    assert integration_status(local, org, "anthropic")["status"] == "VALID"


TROUBLE: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "retry_after": 1},
    "500": {"status": 500},
    "truncated body": {"truncate": True},
    "reset": {"reset": True},
    "html with 200": {"html": 200},
    "html with 502": {"html": 502},
}


def test_trouble_that_passes(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """One bad answer in the middle of the pages is asked for again; nothing is lost and nothing counts twice."""
    org = new_org()
    key = change_key(local, org, "openai", page_results=10)
    told = openai_total(key.seed, FIXTURE_DAY, key.rows)
    for generation, (name, trouble) in enumerate(TROUBLE.items(), 1):
        local.providers.faults.add(Fault(path_regex=r"costs\?.*page=", **trouble))
        run = llm_run(org, "openai", generation=generation, force_refresh=True)
        assert run_job(run) == 0, name
        assert detail(local, run)["status"] == "SUCCESS", name
        found = loaded_cost(local, org, "openai")
        assert found.run_ids == [run.run_id], name
        assert abs(found.amount - told) < Decimal("0.000001"), name
        assert local.providers.faults.in_force()[-1]["struck"] == 1, name


LASTING = TROUBLE | {"null cursor": {"null_cursor": True}, "same cursor": {"same_cursor": True}}
CODES = {
    "429": "{}_rate_limited",
    "500": "{}_unavailable",
    "truncated body": "{}_unavailable",
    "reset": "{}_unavailable",
    "html with 200": "{}_unreadable",
    "html with 502": "{}_unavailable",
    "null cursor": "{}_pages_broken",
    "same cursor": "{}_pages_broken",
}


LASTS_AT = {"anthropic": ["429", "null cursor"]}
LASTS_AT["openai"] = [name for name in LASTING if name not in LASTS_AT["anthropic"]]


@pytest.mark.parametrize("provider", REPORTING)
def test_trouble_that_stays(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """What stays broken ends FAILED with a clear code; the day is as it was, the integration still VALID."""
    org = new_org()
    change_key(local, org, provider, page_results=10)
    run_job(llm_run(org, provider))
    before = [rows_of(local, org, table) for table in TABLES[provider]]
    for generation, name in enumerate(LASTS_AT[provider], 2):
        path = COST_PATH[provider] + (r"\?.*page=" if name != "null cursor" else "")
        local.providers.faults.add(Fault(path_regex=path, times=None, **LASTING[name]))
        again = llm_run(org, provider, generation=generation)
        assert run_job(again, last=True) == 0, name
        local.providers.faults.clear()
        told = detail(local, again)
        assert (told["status"], told["error_code"]) == ("FAILED", CODES[name].format(provider)), name
        assert told["error_retryable"], name
        assert [rows_of(local, org, table) for table in TABLES[provider]] == before, name
        assert integration_status(local, org, provider)["status"] == "VALID", name


def processor_of(
    local: Local, run: Run, source: Source, ensure_wanted: Callable[[], None] = lambda: None, file_bytes: int = 2**30
) -> SourceProcessor:
    """A run's processor that reads this source."""
    integration = Integrations(local.warehouse, local.clock).of(run.org_slug, "OPENAI")
    day = OrgDay(run, integration.org_dataset, local.warehouse)
    return SourceProcessor(
        source=source,
        day_load=DayLoad(day, RunLoad(local.warehouse, run.run_id), NOON),
        heartbeat=Heartbeat(ensure_wanted, local.clock),
        clock=local.clock,
        reject_credential=lambda _: None,
        file_bytes=file_bytes,
    )


def step_of(local: Local, run: Run, index: int) -> tuple[Step, StepProgress]:
    """A step of the pipeline that ships, and its progress, which is told at once: two seconds pass at each look."""
    registry = load_registry(local.settings.configs_dir, PROVIDERS)
    step = registry.config(registry.get(run.pipeline)).steps[index]
    looks = itertools.count()
    progress = RunProgress(
        local.ledger,
        run,
        Execution("runner-abc", 0, 0, last_attempt=True),
        NOON,
        lambda: NOON + timedelta(seconds=2 * next(looks)),
        None,
    )
    return step, progress.step(index, step)


@pytest.mark.parametrize(("cents", "level"), [("0.01", "INFO"), ("0.0100001", "WARNING"), ("-50", "WARNING")])
def test_a_difference_is_told(local: Local, new_org: NewOrgs, cents: str, level: str) -> None:
    """When the provider's own total differs by more than a cent, it is a warning with both figures, and no failure."""
    run = llm_run(new_org(), "openai")
    vendor = Vendor({"costs": [costs("55.5")]})
    processor = processor_of(local, run, vendor.openai_source())
    processor.run(*step_of(local, run, 0))
    vendor.pages = {"costs": [costs(str(Decimal("55.5") + Decimal(cents)))]}
    processor.run(*step_of(local, run, 1))
    ((found, text),) = [each for each in messages_of_steps(local, run) if "own total" in each[1]]
    assert found == level
    assert text.startswith("The rows cost 55.5 USD; OpenAI's own total of the day is 5")
    assert f"the difference is {-Decimal(cents):f} USD" in text


@pytest.mark.parametrize("spelled", ["plain", "row by row", "both"])
def test_rounding_is_no_difference(local: Local, new_org: NewOrgs, spelled: str) -> None:
    """Compared is what the rows cost before they were rounded, however their pages are read; both sums are told."""
    run = llm_run(new_org(), "openai")
    amounts: list[object] = ["0.0000000004", "0.0000000005", 2e-10, 7]
    dimensions = {} if spelled == "plain" else {"line_item": {"not": "a text"}}
    pages = [costs(*amounts, **dimensions)]
    if spelled == "both":
        pages = [costs(*amounts[:2]), costs(*amounts[2:], **dimensions)]
    vendor = Vendor({"costs": pages})
    processor = processor_of(local, run, vendor.openai_source())
    processor.run(*step_of(local, run, 0))
    vendor.pages = {"costs": [costs("7.0000000011")]}
    processor.run(*step_of(local, run, 1))
    ((level, text),) = [each for each in messages_of_steps(local, run) if "own total" in each[1]]
    assert level == "INFO"
    assert text == (
        "The rows cost 7.0000000011 USD (7.000000001 in the tables, which have nine decimals); OpenAI's own total of "
        "the day is 7.0000000011 USD; the difference is 0 USD."
    )


def test_a_total_that_is_refused_keeps_nothing_from_being_loaded(local: Local, new_org: NewOrgs) -> None:
    """The money does not depend on the comparison: a refused total is a warning."""
    run = llm_run(new_org(), "openai")
    vendor = Vendor({"costs": [httpx.Response(400, json={"error": {"message": "No."}})]})
    processor_of(local, run, vendor.openai_source()).run(*step_of(local, run, 1))
    ((level, text),) = messages_of_steps(local, run)
    assert (level, "own total of the day is not known" in text) == ("WARNING", True)


def messages_of_steps(local: Local, run: Run) -> list[tuple[str, str]]:
    return [(message["level"], message["text"]) for step in steps(local, run) for message in step["messages"]]


def test_a_cancelled_run_stops_between_pages(local: Local, new_org: NewOrgs) -> None:
    """A run that nobody wants any more asks for no further page, but for those that were being asked for."""
    org = new_org()
    run = llm_run(org, "openai")
    begun: list[str] = []
    broken_off = threading.Event()

    def wait_for_the_end(path: str, query: httpx.QueryParams) -> None:
        begun.append(f"{path}?{query}")
        assert len(begun) <= 2 or broken_off.wait(20)

    vendor = Vendor({"usage/completions": fixture_pages("openai_usage_completions") * 50}, refuse=wait_for_the_end)
    source = replace(vendor.openai_source(), break_off=broken_off.set)

    def unwanted_after_two_pages() -> None:
        if len(begun) > 2:
            raise Skip("cancelled")

    with pytest.raises(Skip):
        processor_of(local, run, source, unwanted_after_two_pages).run(*step_of(local, run, 0))
    assert len(begun) <= 2 + MOST_AT_ONCE
    assert rows_of(local, org, "openai_cost_daily_raw") == []


def test_no_secret_is_written(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The key and e-mail addresses are in no table, event or log of a run that succeeds, and of one that fails."""
    org = new_org()
    with written_lines() as lines:
        run_job(llm_run(org, "openai"))
        run_job(llm_run(org, "anthropic"))
        change_key(local, org, "openai", revoked=True)
        run_job(llm_run(org, "openai", generation=2))
    tables = [*TABLES["openai"], *TABLES["anthropic"]]
    written = [repr(rows_of(local, org, table)) for table in tables]
    for table in ("pipeline_run_events", "pipeline_step_events", "org_integrations"):
        written.append(repr(local.query(f"SELECT * FROM organizations.{table} WHERE org_slug = '{org.org_slug}'")))
    everything = "".join([*lines.text, *written])
    assert len(lines.of("run_ended")) == 3
    assert not [secret for secret in ("sk-admin", "sk-ant", "@example.com") if secret in everything]
