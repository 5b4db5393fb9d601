"""Whole runs against vendors that refuse, limit and leave out: the money is loaded, or what keeps it back is named."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from cloudact.runs.run import Run
from jobs.attempt import work
from jobs.composition import compose
from jobs.container import Execution
from localcloud.onboarding import OnboardedOrg
from localcloud.providers.anthropic.costs import cost_report_total
from localcloud.providers.faults import Fault
from localcloud.providers.openai.costs import openai_total
from providers.http import Time
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, fixture
from tests.jobs.conftest import AFTERWARDS, RunJob, detail
from tests.jobs.test_usage_cost_run import (
    COST_PATH,
    COSTS,
    REPORTING,
    TABLES,
    change_key,
    integration_status,
    key_of,
    llm_run,
    loaded_cost,
    messages,
    rows_of,
    set_api,
)

OPENAI_ERRORS, ANTHROPIC_ERRORS = fixture("openai_errors.json"), fixture("anthropic_errors.json")
NOT_ALLOWED = {"status": 403, "body": ANTHROPIC_ERRORS["403_not_allowed"]["body"]}


@pytest.fixture(autouse=True)
def no_faults_of_others(local: Local) -> Iterator[None]:
    """Each test has the faults that it asks for, and no other."""
    local.providers.faults.clear()
    local.providers.log.reset()
    yield
    local.providers.faults.clear()


def put(local: Local, **fault: Any) -> None:
    local.providers.faults.add(Fault(**fault))


def warnings(local: Local, run: Any) -> list[str]:
    return [text for level, text in messages(local, run) if level == "WARNING"]


def asked(local: Local, path: str) -> list[str]:
    """The queries of the calls to this path."""
    return [each["query"] for each in local.providers.log.summary()["requests"] if each["path"].endswith(path)]


def told_total(local: Local, org: OnboardedOrg, provider: str) -> Decimal:
    """The day's total as the stand-in's facts add up."""
    key = key_of(local, org, provider)
    if provider == "openai":
        return openai_total(key.seed, FIXTURE_DAY, key.rows)
    return cost_report_total(key.seed, FIXTURE_DAY, key.rows) / 100


def is_whole(local: Local, org: OnboardedOrg, run: Run) -> bool:
    """Whether the table has the day's money, and all of it from this run."""
    found = loaded_cost(local, org, run.provider)
    assert found.run_ids == [run.run_id]
    return abs(found.amount - told_total(local, org, run.provider)) < Decimal("0.000001")


@pytest.mark.parametrize("name", ["403_missing_scope_as_text", "401_missing_scope_as_text"])
def test_a_refusal_that_is_a_text(local: Local, new_org: NewOrgs, run_job: RunJob, name: str) -> None:
    """OpenAI's own text ends the run after one question, with the scope, and the integration is INVALID."""
    org = new_org()
    put(local, path_regex="/v1/organization/", status=OPENAI_ERRORS[name]["status"], body=OPENAI_ERRORS[name]["body"])
    run = llm_run(org, "openai")
    assert run_job(run, last=False) == 0
    told = detail(local, run)
    assert (told["status"], told["error_code"], told["error_retryable"]) == ("FAILED", "permission_denied", False)
    assert "it lacks api.usage.read" in told["error_message"]
    assert len(local.providers.log.summary()["requests"]) == 1
    assert integration_status(local, org, "openai")["status"] == "INVALID"


ODD: list[tuple[str, dict[str, Any]]] = [
    ("openai", {"status": 401}),
    ("openai", {"status": 403, "body": {"error": "Request not allowed"}}),
    ("openai", {"status": 401, "text": ""}),
    ("anthropic", {"status": 403}),
    ("anthropic", NOT_ALLOWED),
    ("anthropic", {"status": 403, "text": "<html>Forbidden</html>"}),
]


@pytest.mark.parametrize("provider", REPORTING)
def test_one_odd_refusal_in_the_middle(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """It is asked once more: the day is whole, and nothing is said of the key."""
    org = new_org()
    change_key(local, org, provider, page_results=10)
    for generation, odd in enumerate([odd for name, odd in ODD if name == provider], 1):
        put(local, path_regex=COST_PATH[provider], after=2, **odd)
        run = llm_run(org, provider, generation=generation, force_refresh=True)
        assert run_job(run) == 0, odd
        assert local.providers.faults.in_force()[-1]["struck"] == 1, odd
        assert detail(local, run)["status"] == "SUCCESS", odd
        assert is_whole(local, org, run), odd
        assert integration_status(local, org, provider) == {"status": "VALID", "last_error": None}, odd


def test_a_key_that_is_revoked_in_the_middle(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Refused twice with words about the key, after it was accepted: INVALID, and the day stays as it was."""
    org = new_org()
    change_key(local, org, "openai", page_results=10)
    put(local, path_regex="/organization/costs", after=2, times=None, status=401)
    run = llm_run(org, "openai")
    run_job(run, last=False)
    assert (detail(local, run)["error_code"], len(asked(local, "/costs"))) == ("credential_rejected", 4)
    assert integration_status(local, org, "openai")["status"] == "INVALID"


def test_what_is_not_about_the_key_keeps_the_integration(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A 403 with other words, for good, is tried again by the platform and fails without a word on the key."""
    org = new_org()
    put(local, path_regex="/cost_report", times=None, **NOT_ALLOWED)
    run = llm_run(org, "anthropic")
    assert run_job(run, last=False) == 1
    run_job(run, attempt=1)
    told = detail(local, run)
    assert (told["status"], told["error_code"]) == ("FAILED", "anthropic_not_allowed")
    assert integration_status(local, org, "anthropic")["status"] == "VALID"


def test_the_analytics_with_an_admin_key(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The hint names the analytics key, which is another kind than the one they have."""
    org = new_org()
    set_api(local, org, "analytics")
    change_key(local, org, "anthropic", scopes=frozenset({"org:admin", "claude_code"}))
    run = llm_run(org, "anthropic")
    run_job(run)
    told = detail(local, run)
    assert (told["error_code"], "it lacks read:analytics" in told["error_message"]) == ("permission_denied", True)
    assert "The primary owner of the Claude organization creates an analytics key" in told["error_hint"]


FORMS = [name for name in OPENAI_ERRORS if name.startswith("400_group_by")]


def test_a_refused_dimension(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The costs are loaded whole without it, a warning says so, and the next run asks for it again."""
    org = new_org()
    for number, form in enumerate(FORMS):
        fault = {"status": 400, "body": OPENAI_ERRORS[form]["body"], "times": None}
        put(local, path_regex="/costs.*group_by=(api_key_id|api_source)", **fault)
        run = llm_run(org, "openai", generation=2 * number + 1)
        assert run_job(run) == 0, form
        assert (detail(local, run)["status"], is_whole(local, org, run)) == ("SUCCESS", True), form
        assert api_keys(local, org) == {None}, form
        assert any("read without api_key_id, api_source" in text for text in warnings(local, run)), form
        local.providers.faults.clear()
        run_job(llm_run(org, "openai", generation=2 * number + 2))
        assert any(api_keys(local, org)), form


def api_keys(local: Local, org: OnboardedOrg) -> set[str | None]:
    """The keys that the org's costs at OpenAI are of."""
    return {row["api_key_id"] for row in local.query(f"SELECT api_key_id FROM {org.org_slug}.openai_cost_daily_raw")}


def test_a_dimension_that_is_refused_later(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A settled day of more than a hundred rows becomes few rows of the same money: SUCCESS, and a warning."""
    org = new_org()
    run_job(llm_run(org, "openai"))
    before = len(rows_of(local, org, COSTS["openai"]))
    body = OPENAI_ERRORS[FORMS[0]]["body"]
    put(local, path_regex="/costs.*group_by=(line_item|project_id|api_key_id)", status=400, body=body, times=None)
    again = llm_run(org, "openai", generation=2)
    assert run_job(again) == 0
    after = len(rows_of(local, org, COSTS["openai"]))
    assert (before >= 100, after * 2 < before, is_whole(local, org, again)) == (True, True, True)
    assert detail(local, again)["status"] == "SUCCESS"
    assert f"openai_cost_daily_raw has {after} rows of the day where it had {before}" in " ".join(
        warnings(local, again)
    )


def test_a_dimension_that_a_later_page_refuses(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """The costs are read again from their first page without it: whole, and nothing twice."""
    org = new_org()
    body = OPENAI_ERRORS["400_group_by_param_only"]["body"]
    for path in ("/costs.*group_by=api_source.*page=", "/costs.*page=.*group_by=api_source"):
        put(local, path_regex=path, status=400, body=body, times=None)
    run = llm_run(org, "openai")
    assert run_job(run) == 0
    assert (detail(local, run)["status"], is_whole(local, org, run)) == ("SUCCESS", True)
    assert any("api_source" in text for text in warnings(local, run))


@pytest.mark.parametrize("provider", REPORTING)
def test_a_limit_per_minute(local: Local, new_org: NewOrgs, provider: str) -> None:
    """Reset headers without Retry-After are waited for, and the day is whole: a minute is lost for four pages each, and
    of the calls side by side three more are refused when the limit is first met, then two, then one."""
    org = new_org()
    change_key(local, org, provider, page_results=8, per_minute=4)
    begun = local.clock.now
    time = Time(local.clock, lambda seconds: local.clock.advance(seconds=seconds))
    settings = local.settings.model_copy(update={"provider_longest_wait_s": 120.0})
    run = llm_run(org, provider)
    assert work(compose(settings, lambda: AFTERWARDS, time), run, Execution("runner-abc", 0, 0, True)) == 0
    assert (detail(local, run)["status"], is_whole(local, org, run)) == ("SUCCESS", True)
    counts = local.providers.log.summary()["counts"]
    refused = sum(outcomes.get("429", 0) for outcomes in counts.values())
    reports = [outcomes for path, outcomes in counts.items() if "usage" in path or "cost" in path]  # others list names
    answered, limited = (sum(outcomes.get(status, 0) for outcomes in reports) for status in ("200", "429"))
    minutes = (answered - 1) // 4
    assert answered > 8
    assert minutes <= limited <= minutes + 3 + 2 + 1
    assert minutes * 60 <= (local.clock.now - begun).total_seconds() <= refused * 65


def test_a_hostile_reset_ends_as_passing(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A limit that begins anew in a thousand years is given up after the tries of the settings, and tried again."""
    org = new_org()
    far = {"anthropic-ratelimit-requests-reset": "3026-01-01T00:00:00Z"}
    put(local, path_regex="/cost_report", times=None, status=429, headers=far)
    run = llm_run(org, "anthropic")
    assert run_job(run, last=False) == 1
    assert len(asked(local, "/cost_report")) == 3


@pytest.mark.parametrize("provider", REPORTING)
def test_answers_that_are_compressed(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """One gzip is read to the last digit; costs that are compressed twice are trouble, and nothing is loaded."""
    org = new_org()
    put(local, path_regex="/v1/", times=None, gzip=1)
    run = llm_run(org, provider)
    assert run_job(run) == 0
    assert (detail(local, run)["status"], is_whole(local, org, run)) == ("SUCCESS", True)
    local.providers.faults.clear()
    before = rows_of(local, org, COSTS[provider])
    put(local, path_regex=COST_PATH[provider], times=None, gzip=2)
    again = llm_run(org, provider, generation=2, force_refresh=True)
    assert run_job(again) == 0
    told = detail(local, again)
    assert (told["status"], told["error_code"]) == ("FAILED", f"{provider}_unreadable")
    assert rows_of(local, org, COSTS[provider]) == before


CLAUDE_CODE = ("anthropic", "/claude_code", "anthropic_claude_code_daily_raw")
MESSAGES = ("anthropic", "/usage_report/messages", "anthropic_usage_daily_raw")
IMAGES = ("openai", "/usage/images", "openai_usage_daily_raw")
LIMIT = {"status": 400, "body": {"error": {"message": "Invalid limit.", "param": "limit"}}}
PARTS: list[tuple[tuple[str, str, str], dict[str, Any]]] = [
    (CLAUDE_CODE, {"status": 500}),
    (CLAUDE_CODE, {"status": 401}),
    (CLAUDE_CODE, {"null_cursor": True}),
    (MESSAGES, {"status": 403}),
    (MESSAGES, {"html": 200}),
    (IMAGES, {"status": 429}),
    (IMAGES, LIMIT),
]


@pytest.mark.parametrize("provider", REPORTING)
def test_what_is_not_the_money_never_keeps_it_back(
    local: Local, new_org: NewOrgs, run_job: RunJob, provider: str
) -> None:
    """Whatever is wrong with it, the costs are loaded, its own table keeps the day's rows, and a warning says so."""
    org = new_org()
    run_job(llm_run(org, provider))
    parts = [(path, table, trouble) for (name, path, table), trouble in PARTS if name == provider]
    for generation, (path, table, trouble) in enumerate(parts, 2):
        before, case = rows_of(local, org, table), (path, trouble)
        put(local, path_regex=path, times=None, **trouble)
        again = llm_run(org, provider, generation=generation, force_refresh=True)
        assert run_job(again) == 0, case
        local.providers.faults.clear()
        assert (detail(local, again)["status"], is_whole(local, org, again)) == ("SUCCESS", True), case
        assert (rows_of(local, org, table), bool(before)) == (before, True), case
        assert any(f"The table {table} was left as it is." in text for text in warnings(local, again)), case
        assert integration_status(local, org, provider)["status"] == "VALID", case


@pytest.mark.parametrize(
    ("provider", "troubles"),
    [("openai", [{"status": 500}, LIMIT]), ("anthropic", [{"status": 401}, {"html": 200}])],
    ids=REPORTING,
)
def test_a_total_that_is_not_known(
    local: Local, new_org: NewOrgs, run_job: RunJob, provider: str, troubles: list[dict[str, Any]]
) -> None:
    """The comparison is left out, with a warning, and the costs are loaded."""
    org, unknown = new_org(), "The provider's own total of the day is not known: "
    for generation, trouble in enumerate(troubles, 1):
        put(local, path_regex=rf"{COST_PATH[provider]}\?(?!.*group_by)", times=None, **trouble)
        run = llm_run(org, provider, generation=generation, force_refresh=True)
        assert run_job(run) == 0, trouble
        local.providers.faults.clear()
        assert (detail(local, run)["status"], is_whole(local, org, run)) == ("SUCCESS", True), trouble
        assert any(text.startswith(unknown) for text in warnings(local, run)), trouble


@pytest.mark.parametrize("api", ["openai", "reports", "analytics"])
def test_a_cost_row_without_an_amount(local: Local, new_org: NewOrgs, run_job: RunJob, api: str) -> None:
    """It is not zero: it is left out and named, the other rows are loaded, and the day is not called complete."""
    org = new_org()
    provider = "openai" if api == "openai" else "anthropic"
    if api == "analytics":
        set_api(local, org, api)
    run_job(llm_run(org, provider))
    whole = rows_of(local, org, COSTS[provider])
    change_key(local, org, provider, without_amount=1, page_results=1000)
    again = llm_run(org, provider, generation=2)
    run_job(again)
    told = detail(local, again)
    lost = 5 if api == "analytics" else 1  # one on the page of each part: four of geography and speed, and the tools
    assert (told["status"], len(rows_of(local, org, COSTS[provider]))) == ("SUCCESS", len(whole) - lost)
    (named,) = [text for text in warnings(local, again) if "have no amount" in text]
    assert f"{lost} of {len(whole)} cost rows" in named
    assert api == "analytics" or f"page 1.data[0].results[{len(whole) - 1}]" in named
    assert any("own total of the day is" in text for _, text in messages(local, again))
    assert '"completeness":"provisional"' in told["result"]


@pytest.mark.parametrize("provider", REPORTING)
def test_costs_that_have_no_amounts(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """Many rows without an amount are a report that has changed: nothing is loaded, the day stays as it was."""
    org = new_org()
    run_job(llm_run(org, provider))
    before = rows_of(local, org, COSTS[provider])
    change_key(local, org, provider, without_amount=1000)
    again = llm_run(org, provider, generation=2)
    run_job(again)
    told = detail(local, again)
    assert (told["status"], told["error_code"]) == ("FAILED", "amounts_missing")
    assert f"{len(before)} of {len(before)} cost rows have no amount" in told["error_message"]
    assert rows_of(local, org, COSTS[provider]) == before
    assert len(TABLES[provider]) > 1
