"""Names of projects and keys: read by the first run of a day, kept with their history, never in the way of costs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cloudact import clients
from cloudact.clock import Clock
from cloudact.runs.run import Run
from jobs.attempt import work
from jobs.composition import compose
from jobs.container import Execution
from jobs.termination import Terminated
from localcloud.onboarding import OnboardedOrg
from localcloud.providers.faults import Fault
from localcloud.providers.openai.usage import project_id
from providers import PROVIDERS
from providers.calls import Calls
from providers.directory import Directory
from providers.source import SourceContext
from tests.conftest import FIXTURE_DAY, Local, NewOrgs, billing_run, load_fixture_export
from tests.jobs.conftest import AFTERWARDS, detail
from tests.jobs.test_usage_cost_run import (
    change_key,
    integration_status,
    key_of,
    llm_run,
    loaded_cost,
    messages,
    rows_of,
)
from tests.log_lines import written_lines

LISTS = {
    "openai": ("/organization/projects", "/organization/users"),
    "anthropic": ("/workspaces", "/api_keys", "/users"),
}


@pytest.fixture(autouse=True)
def as_the_providers_are(local: Local) -> Iterator[None]:
    """No fault or log of another test is left."""
    local.providers.faults.clear()
    local.providers.log.reset()
    yield
    local.providers.faults.clear()


def run_on(local: Local, run: Run, day: int = 0) -> None:
    """Works on the run, so many days after the others. It is a SUCCESS, whatever becomes of the names."""
    clock: Clock = lambda: AFTERWARDS + timedelta(days=day)  # noqa: E731
    assert work(compose(local.settings, clock), run, Execution(f"runner-{day}", 0, 0, True)) == 0
    assert detail(local, run)["status"] == "SUCCESS"


def lists_asked(local: Local) -> list[str]:
    """The paths of lists that were asked for, in their order."""
    paths = [each["path"] for each in local.providers.log.summary()["requests"]]
    ends = ("projects", "users", "workspaces", "api_keys", "service_accounts")
    return [path for path in paths if path.endswith(ends)]


def names(local: Local, org: OnboardedOrg) -> list[dict[str, Any]]:
    return rows_of(local, org, "provider_name_changes")


def about_names(local: Local, run: Run) -> list[tuple[str, str]]:
    return [(level, text) for level, text in messages(local, run) if "ames " in text and "Pages" not in text]


@pytest.mark.parametrize(("provider", "calls"), [("openai", 6), ("anthropic", 3)])
def test_a_days_first_run_reads_the_names(local: Local, new_org: NewOrgs, provider: str, calls: int) -> None:
    """Costs and usage show what their ids are called; other runs of the day, of any date, ask for no list."""
    org = new_org(views=("focus_costs",))
    runs = [llm_run(org, provider, FIXTURE_DAY - timedelta(days=number)) for number in range(3)]
    for run in runs:
        run_on(local, run)
    assert len(lists_asked(local)) == calls
    assert len([text for run in runs for _, text in about_names(local, run)]) == 1
    costs = local.query(
        f"SELECT DISTINCT SubAccountId, SubAccountName, x_ApiKeyId, x_ApiKeyName FROM {org.org_slug}.focus_costs"
    )
    told = {row["id"]: row["name"] for row in names(local, org)}
    assert {row["SubAccountName"] for row in costs if row["SubAccountId"] in told} & {"Search", "Support Assistant"}
    assert {row["x_ApiKeyName"] for row in costs} == {told.get(row["x_ApiKeyId"]) for row in costs}
    assert ("support-assistant-batch" in {row["x_ApiKeyName"] for row in costs}) is (provider == "openai")
    run_on(local, llm_run(org, provider, FIXTURE_DAY - timedelta(days=3)), day=1)
    assert (len(lists_asked(local)), len(names(local, org))) == (2 * calls, len(told))


def test_names_with_their_history(local: Local, new_org: NewOrgs) -> None:
    """A new name, an id that is gone, and one that is back are rows of their own; what is as it was is none."""
    org = new_org(views=("focus_costs", "provider_names"))
    seed = key_of(local, org, "openai").seed
    one, other = project_id(seed, 0), project_id(seed, 1)
    known = [{}, {one: "Renamed", other: None}, {one: "Renamed", other: None}, {one: "Renamed"}]
    for day, called in enumerate(known):
        change_key(local, org, "openai", names=called)
        run_on(local, llm_run(org, "openai", FIXTURE_DAY - timedelta(days=day)), day)
    sql = f"""SELECT name, status, DATE_DIFF(DATE(valid_from), '2026-12-20', DAY) AS since,
      DATE_DIFF(DATE(valid_to), '2026-12-20', DAY) AS until FROM {org.org_slug}.provider_names
      WHERE id IN ('{one}', '{other}') ORDER BY id = '{other}', since"""
    assert [tuple(row.values()) for row in local.query(sql)] == [
        ("Support Assistant", "active", 0, 1), ("Renamed", "active", 1, None),
        ("Search", "active", 0, 1), ("Search", "active", 3, None),
    ]  # fmt: skip
    shown = f"SELECT DISTINCT SubAccountName FROM {org.org_slug}.focus_costs WHERE SubAccountId = '{one}'"
    assert local.query(shown) == [{"SubAccountName": "Renamed"}]
    keys = [row for row in names(local, org) if row["parent_id"] == other]
    assert {row["status"] for row in keys} == {"active"}  # their project was in no list, so nobody asked for them


def test_no_person_is_kept(local: Local, new_org: NewOrgs) -> None:
    """Of people the id is kept, of keys the name that they were given: no address, no name of a person, no key."""
    org = new_org()
    for provider in ("openai", "anthropic"):
        run_on(local, llm_run(org, provider))
    kept = names(local, org)
    assert {row["name"] for row in kept if row["kind"] == "user"} == {None}
    assert {row["kind"] for row in kept} == {"project", "workspace", "api_key", "service_account", "user"}
    text = json.dumps(kept, default=str)
    assert not [word for word in ("@", "Ada", "Grace", "sk-", "***") if word in text]
    assert {row["status"] for row in kept if row["kind"] in ("project", "workspace")} == {"active", "archived"}


def test_a_key_without_the_right(local: Local, new_org: NewOrgs) -> None:
    """One warning says what the key lacks and who grants it; the integration stays VALID, and tomorrow asks again."""
    org = new_org()
    change_key(local, org, "openai", scopes=frozenset({"api.usage.read"}))
    runs = [llm_run(org, "openai", FIXTURE_DAY - timedelta(days=number)) for number in range(2)]
    for run in runs:
        run_on(local, run)
    (told,) = [said for run in runs for said in about_names(local, run)]
    assert told[0] == "WARNING"
    assert told[1] == (
        "Names of projects and users (by id alone) could not be read today: the key may not list them (it lacks "
        "api.management.read). An owner of the OpenAI organization gives the admin key the permission Organization "
        "Administration: Read."
    )
    assert integration_status(local, org, "openai")["status"] == "VALID"
    assert (len(lists_asked(local)), names(local, org)) == (2, [])
    change_key(local, org, "openai", scopes=None)
    run_on(local, llm_run(org, "openai", FIXTURE_DAY - timedelta(days=2)), day=1)
    assert names(local, org)


@pytest.mark.parametrize(
    ("provider", "faults"),
    [
        ("openai", [{"status": 404}, {"status": 503}, {"status": 429}, {"truncate": True}]),
        ("anthropic", [{"html": 200}, {"status": 403}]),
    ],
    ids=["openai", "anthropic"],
)
def test_lists_that_fail(local: Local, new_org: NewOrgs, provider: str, faults: list[dict[str, Any]]) -> None:
    """Costs are loaded whatever the lists answer; a warning says that names are missing, and nothing is gone."""
    org = new_org()
    run_on(local, llm_run(org, provider))
    before = names(local, org)
    assert before
    for day, fault in enumerate(faults, 1):
        for path in LISTS[provider]:
            local.providers.faults.add(Fault.model_validate({"path_regex": rf"{path}\?", "times": None, **fault}))
        run = llm_run(org, provider, FIXTURE_DAY - timedelta(days=day))
        run_on(local, run, day)
        local.providers.faults.clear()
        assert [level for level, _ in about_names(local, run)] == ["WARNING"], fault
        assert run.run_id in loaded_cost(local, org, provider).run_ids, fault
        assert names(local, org) == before, fault


def test_names_that_cannot_be_kept(local: Local, new_org: NewOrgs) -> None:
    """A table that is missing is a line in the log and a message; the costs are there."""
    org = new_org()
    clients.bigquery(local.settings).delete_table(f"{org.org_slug}.provider_name_changes")
    run = llm_run(org, "openai")
    with written_lines() as lines:
        run_on(local, run)
    (told,) = lines.of("names_not_recorded")
    assert told["run_id"] == run.run_id
    assert about_names(local, run) == [
        ("WARNING", "The names of projects and keys could not be kept; costs are not touched.")
    ]
    assert rows_of(local, org, "openai_cost_daily_raw")


def test_a_run_that_dies_before_the_names_are_kept(local: Local, new_org: NewOrgs) -> None:
    """Its day is loaded all the same, and the next run of the day reads the names."""
    org = new_org()
    run = llm_run(org, "openai")

    def dies(_context: SourceContext, _calls: Calls) -> Directory:
        raise Terminated

    providers = [replace(each, open_directory=dies) if each.open_directory else each for each in PROVIDERS]
    work(compose(local.settings, lambda: AFTERWARDS, providers=providers), run, Execution("runner-dies", 0, 0, True))
    assert (detail(local, run)["status"], names(local, org)) == ("SUCCESS", [])
    run_on(local, llm_run(org, "openai", FIXTURE_DAY - timedelta(days=1)))
    assert names(local, org)


def test_names_are_recorded_once(local: Local, new_org: NewOrgs) -> None:
    """Of two runs that have read at the same time one records."""
    org = new_org()
    run_on(local, llm_run(org, "openai"))
    before = names(local, org)
    job = local.warehouse.start_query(
        f"names_openai_{org.org_slug}_{AFTERWARDS:%Y%m%d}",
        "record_names",
        org.org_slug,
        provider="openai",
        org_slug=org.org_slug,
        run_id="r",
        observed_at=AFTERWARDS + timedelta(hours=1),
        names=[],
        read_whole=["project"],
    )
    assert (job, names(local, org)) == (None, before)


def test_google_tells_names_in_its_bill(local: Local, new_org: NewOrgs) -> None:
    """A provider without lists is asked for none, and its runs ask BigQuery for nothing more."""
    org = new_org()
    load_fixture_export(local, org)
    run = billing_run(org)
    run_on(local, run)
    assert (about_names(local, run), names(local, org)) == ([], [])
