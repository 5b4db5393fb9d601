"""Budgets and prepaid balances by the API: versions, who may write them, how they stand, and how long they last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact.budgets.budget import Budget
from functions.composition import compose
from functions.console.cost_words import amount
from functions.costs.states import Shipped
from functions.costs.stored_versions import ChangedMeanwhile
from functions.routes import public_app
from localcloud.onboarding import NewOrg, OnboardedOrg, add_member, onboard
from tests.cli.conftest import Shell
from tests.cloudact.budgets import reference
from tests.conftest import NOON, Local, NewOrgs
from tests.day_histories import Found, after, in_turn, load_histories
from tests.functions.console.conftest import console_browser, queries
from tests.functions.console.test_pages import MOST_QUERIES
from tests.functions.costs.charges import Charge, load, org_with_costs
from tests.functions.costs.conftest import Watched
from tests.served import served
from tests.sessions import bearer

ALL: dict[str, Any] = {"name": "All", "currency": "USD", "amount": "3000", "first_month": "2026-10"}
AI: dict[str, Any] = ALL | {"name": "AI", "of": {"provider": "openai"}, "amount": 1500.5, "last_month": "2027-12"}
MINE = {"provider": "openai", "currency": "USD", "amount": "5000", "as_of": "2026-11-01"}


@dataclass
class Plans:
    """Budgets and balances of one org, by the API."""

    api: FlaskClient
    org: OnboardedOrg

    def call(self, method: str, what: str, **options: Any) -> TestResponse:
        options = {"headers": {"X-API-Key": self.org.api_key}} | options
        return self.api.open(f"/api/v1/organizations/{self.org.org_slug}/{what}", method=method, **options)

    def put(self, what: str, *items: Any, match: str = "") -> TestResponse:
        headers = {"X-API-Key": self.org.api_key} | ({"If-Match": match} if match else {})
        return self.call("PUT", what, json={what: items}, headers=headers)

    def shown(self, what: str, **query: Any) -> Any:
        return self.call("GET", what, query_string=query).get_json()

    def ask(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        sent = {"X-API-Key": self.org.api_key, **(headers or {})}
        return self.api.get(f"/api/v1/costs/{self.org.org_slug}/{path}", headers=sent, query_string=query)

    def told(self, path: str, **query: Any) -> Any:
        answer = self.ask(path, **query)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()


@pytest.fixture
def plans(api: FlaskClient, new_org: NewOrgs) -> Plans:
    return Plans(api, new_org())


@pytest.fixture
def none(local: Local, instance: FlaskClient, unchanged_org: OnboardedOrg) -> Plans:
    """Those of an org that never has any, at noon."""
    assert local.clock.now == NOON
    return Plans(instance, unchanged_org)


def test_every_put_is_a_version_and_each_budget_knows_when_it_changed(plans: Plans) -> None:
    """The same again is none; what is as it was keeps its version; what is read can be put again as it is."""
    assert plans.shown("budgets") == {
        "org_slug": plans.org.org_slug, "version": 0, "recorded_at": None, "recorded_by": None, "budgets": [],
        "changed_in": {},
    }  # fmt: skip
    dearer = ALL | {"months": [{"month": "2026-12", "amount": "4000.10"}]}
    told = [plans.put("budgets", *each) for each in ([ALL], [ALL], [ALL, AI], [dearer, AI], [AI], [dearer, AI])]
    assert [each.get_json()["outcome"] for each in told] == ["recorded", "unchanged", *["recorded"] * 4]
    assert [each.get_json()["changed_in"] for each in told] == [
        {"All": 1}, {"All": 1}, {"All": 1, "AI": 2}, {"All": 3, "AI": 2}, {"AI": 2}, {"All": 5, "AI": 2},
    ]  # fmt: skip
    shown = plans.shown("budgets")
    assert shown["budgets"] == [
        {
            "name": "All", "of": {"provider": None, "label": None, "value": None}, "currency": "USD", "amount": "3000",
            "first_month": "2026-10", "last_month": None, "months": [{"month": "2026-12", "amount": "4000.1"}],
        },
        {
            "name": "AI", "of": {"provider": "openai", "label": None, "value": None}, "currency": "USD",
            "amount": "1500.5", "first_month": "2026-10", "last_month": "2027-12", "months": [],
        },
    ]  # fmt: skip
    assert plans.put("budgets", *shown["budgets"]).get_json()["outcome"] == "unchanged"
    assert plans.shown("budgets", version=1)["budgets"][0]["months"] == []
    missing = plans.call("GET", "budgets", query_string={"version": 9})
    assert (missing.status_code, missing.get_json()["code"]) == (404, "budgets_unknown")


def test_balances_are_versions_too(plans: Plans) -> None:
    """What is put is read again, older versions too, and what nobody has written is not there."""
    later = MINE | {"as_of": "2026-11-09", "amount": "4500.123456789"}
    assert [plans.put("balances", *each).get_json()["version"] for each in ([MINE], [MINE, later], [MINE, later])] == [
        1, 2, 2,
    ]  # fmt: skip
    assert plans.shown("balances")["balances"] == [MINE, later]
    assert plans.shown("balances", version=1)["balances"] == [MINE]
    missing = plans.call("GET", "balances", query_string={"version": 3})
    assert (missing.status_code, missing.get_json()["code"]) == (404, "balances_unknown")


def test_what_was_changed_meanwhile_is_not_overwritten(plans: Plans) -> None:
    """If-Match has the ETag of what was read: another version since then is 412; If-None-Match saves the reading."""
    for what, one in (("budgets", ALL), ("balances", MINE)):
        first = plans.put(what, one).headers["ETag"]
        assert plans.call("GET", what).headers["ETag"] == first
        headers = {"X-API-Key": plans.org.api_key, "If-None-Match": first}
        assert plans.call("GET", what, headers=headers).status_code == 304, what
        second = plans.put(what, match=first)
        stale = plans.put(what, one, match=first)
        assert (second.status_code, stale.status_code, stale.get_json()["code"]) == (200, 412, f"{what}_changed")
        assert plans.put(what, one, match=second.headers["ETag"]).get_json()["version"] == 3, what


def test_of_two_at_once_one_writes(local: Local, plans: Plans) -> None:
    """Two that have read the same version do not both write the next one: BigQuery takes the id of the job once."""
    store = compose(local.settings, local.clock).costs.plans.budgets
    org, before = plans.org.org_slug, store.newest(plans.org.org_slug)
    written = store.add(org, (Budget(**ALL),), before, "me")
    with pytest.raises(ChangedMeanwhile):
        store.add(org, (Budget(**AI),), before, "you")
    assert store.newest(org) == written


def test_who_may_read_and_write(local: Local, plans: Plans, none: Plans) -> None:
    """Members read; owners, admins and keys write; nobody sees another org's."""
    documents = {"budgets": ALL, "balances": MINE}
    for what, one in documents.items():
        plans.put(what, one)
    for role, status in (("admin", 200), ("member", 403)):
        user = f"{role}-{plans.org.org_slug}"
        add_member(local.settings, plans.org.org_slug, user, role)
        headers = bearer(local, user)
        for what, one in documents.items():
            assert len(plans.call("GET", what, headers=headers).get_json()[what]) == 1
            put = plans.call("PUT", what, headers=headers, json={what: [one]})
            assert put.status_code == status, (role, what)
    foreign = {"X-API-Key": none.org.api_key}
    for what in documents:
        assert none.shown(what)[what] == []
        assert plans.call("GET", what, headers=foreign).status_code == 403, what
        assert plans.call("PUT", what, headers=foreign, json={what: []}).status_code == 403, what
    for path in ("budgets", "forecast", "runway"):
        assert plans.ask(path, foreign).status_code == 403, path


@pytest.mark.parametrize(
    ("what", "body", "where"),
    [
        ("budgets", [ALL | {"name": ""}], "budgets[0].name, which must have at least 1 character"),
        ("budgets", [ALL | {"name": "a\nb"}], "budgets[0].name, which must be without control characters"),
        ("budgets", [ALL, ALL], "budgets, which must have different names"),
        ("budgets", [ALL | {"amount": "0"}], "budgets[0].amount, which must be more than 0"),
        ("budgets", [ALL | {"amount": "-1"}], "budgets[0].amount, which must be an amount such as"),
        ("budgets", [ALL | {"amount": "1,000"}], "budgets[0].amount, which must be an amount such as"),
        ("budgets", [ALL | {"amount": "NaN"}], "budgets[0].amount, which must be an amount such as"),
        ("budgets", [ALL | {"amount": True}], "budgets[0].amount, which must be an amount such as"),
        ("budgets", [ALL | {"amount": 1e22}], "budgets[0].amount, which must be an amount such as"),
        ("budgets", [ALL | {"amount": 1234567890123456.7}], "budgets[0].amount, which must be a text"),
        ("budgets", [ALL | {"currency": "usd"}], "budgets[0].currency, which must match pattern"),
        ("budgets", [ALL | {"first_month": "2026-13"}], "budgets[0].first_month, which must match pattern"),
        ("budgets", [ALL | {"first_month": "2014-12"}], "budgets[0].first_month, which must not be before 2015-01"),
        ("budgets", [ALL | {"last_month": "2026-09"}], "budgets[0], which must not have last_month before"),
        ("budgets", [ALL | {"of": {"provider": "gcp", "label": "y", "value": "z"}}], "must have provider or label"),
        ("budgets", [ALL | {"of": {"label": "y", "value": "a\nb"}}], "value, which must be without control characters"),
        ("budgets", [ALL | {"of": {"label": "team"}}], "budgets[0].of, which must have label and value"),
        ("budgets", [ALL | {"of": {"provider": "nobody"}}], "of.provider, which must be one of anthropic, gcp, openai"),
        ("budgets", [ALL | {"of": {"provider": "'; DROP TABLE"}}], "of.provider, which must match pattern"),
        ("budgets", [ALL | {"months": [{"month": "2026-09", "amount": "1"}]}], "must have months from first_month"),
        ("budgets", [ALL | {"months": [{"month": "2026-12", "amount": "1"}] * 2}], "must have one amount for a month"),
        ("budgets", [ALL | {"colour": 1}], "budgets[0].colour, which is not known"),
        ("budgets", [ALL | {"name": f"b{number}"} for number in range(51)], "must have at most 50 items"),
        ("budgets", "all", "budgets, which must be a valid tuple"),
        ("balances", [MINE | {"amount": "-1"}], "balances[0].amount, which must be an amount such as"),
        ("balances", [MINE | {"as_of": "2026-11-13"}], "balances[0].as_of, which must not be after today"),
        ("balances", [MINE | {"as_of": "2026-02-30"}], "balances[0].as_of, which must be a day that exists"),
        ("balances", [MINE | {"as_of": 1}], "balances[0].as_of, which must be a date written YYYY-MM-DD"),
        ("balances", [MINE | {"as_of": "2014-12-31"}], "balances[0].as_of, which must not be before 2015-01-01"),
        ("balances", [MINE, MINE | {"amount": "1"}], "must have one balance for a provider, currency and day"),
        ("balances", [MINE | {"provider": "nobody"}], "balances[0].provider, which must be one of"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_place(none: Plans, what: str, body: Any, where: str) -> None:
    """The sentence says where in the document the first mistake is; nothing is recorded."""
    answer = none.call("PUT", what, json={what: body})
    problem = answer.get_json()
    assert (answer.status_code, problem["code"], problem["field"]) == (400, "field_invalid", what)
    assert where in problem["detail"]
    assert none.shown(what)["version"] == 0


def test_a_budget_of_a_label_that_there_is_none_of(none: Plans) -> None:
    """It is refused as a question about that label is."""
    answer = none.put("budgets", ALL | {"of": {"label": "team", "value": "search"}})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "label_unknown")
    assert none.shown("budgets")["version"] == 0


TODAY = NOON.date()
FIRST, LAST = date(2026, 9, 1), date(2026, 11, 11)
CURRENCY = {"openai": "USD", "gcp": "EUR"}
TEAMS = [{"when": [{"dimension": "provider", "one_of": ["openai"]}], "value": "search"}]


def days() -> Iterator[date]:
    return (FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1))


def cost(day: date) -> Decimal:
    return Decimal("40.000000001") if day.weekday() > 4 else Decimal(100)


def charged() -> Iterator[Charge]:
    """OpenAI by weekday in dollars, two projects; Google in euros, the same each day, and a credit once in dollars."""
    for day in days():
        yield Charge(day, "openai", cost(day) / 4, model="gpt-6", token_type="output", sub_account="proj_a")
        yield Charge(day, "openai", cost(day) * 3 / 4, model="gpt-6", token_type="input", sub_account="proj_b")
        yield Charge(day, "gcp", Decimal(10), currency="EUR", service="BigQuery", team="ads", invoice_month="202611")
    yield Charge(date(2026, 11, 3), "gcp", Decimal("-7.5"), service="BigQuery", invoice_month="202611")


READS = ((6, "settling", Decimal("0.8")), (30, "settling", Decimal("0.96")), (174, "final", Decimal(1)))


def histories() -> Iterator[Found]:
    """Each day was read six hours after its end, with 80 % of its cost, a day later with 96 %, and became final."""
    for day in days():
        for provider, pipeline in (("openai", "openai_usage_cost"), ("gcp", "gcp_billing")):
            of = {"provider": provider, "pipeline": pipeline}
            whole = cost(day) if provider == "openai" else Decimal(10)
            for hours, state, share in READS:
                if after(day, hours) < NOON:
                    yield Found(
                        day, after(day, hours), state, changed=True, costs={CURRENCY[provider]: whole * share}, **of
                    )


@pytest.fixture(scope="module")
def spender(session_cloud: Local) -> OnboardedOrg:
    source = {"source_project": "spender-billing", "source_dataset": "d", "source_table": "t"}
    org = onboard(session_cloud.settings, NewOrg("spender_org", source), session_cloud.tables)
    load(session_cloud, org.org_slug, charged())
    load_histories(session_cloud, org.org_slug, {org.org_slug: in_turn(histories())})
    return org


@pytest.fixture
def spending(api: FlaskClient, spender: OnboardedOrg) -> Plans:
    plans = Plans(api, spender)
    labels = {"name": "team", "rules": TEAMS}
    assert plans.call("PUT", "labels", json={"labels": [labels]}).status_code == 200
    return plans


def loaded_cost(provider: str, day: date) -> Decimal:
    return cost(day) if provider == "openai" else Decimal(10)


def expected(provider: str, first: date = date(2026, 11, 1)) -> reference.Told | None:
    """Days up to the fourth are final; later ones were read a day after their end, but for yesterday."""
    amounts = {day: loaded_cost(provider, day) for day in days()}
    settled = reference.Day("settled", (Decimal("0.96"),) * 3)
    states = {day: reference.Day("final") if after(day, 174) < NOON else settled for day in days()}
    states[LAST] = reference.Day("raw", (Decimal("0.8"),) * 3)
    return reference.forecast(amounts, states, first, TODAY)


def test_how_a_budget_stands(spending: Plans) -> None:
    """Spent to the last digit, the forecast by an own computation, thresholds that are reached; each by itself."""
    team = ALL | {"name": "Search", "of": {"label": "team", "value": "search"}, "amount": "920.000000003"}
    rest = ALL | {"name": "Rest", "of": {"label": "team", "value": ""}, "currency": "EUR"}
    later, other = ALL | {"name": "Later", "first_month": "2026-12"}, ALL | {"name": "Yen", "currency": "JPY"}
    assert spending.put("budgets", ALL, AI, team, rest, later, other).status_code == 200
    answer = spending.told("budgets")
    assert (answer["month"], answer["is_over"]) == ("2026-11", False)
    told = {each["name"]: each for each in answer["budgets"]}
    assert list(told) == ["All", "AI", "Search", "Rest", "Yen"]
    assert told["AI"]["spent"] == told["Search"]["spent"] == "920.000000003"
    assert (told["All"]["spent"], told["Rest"]["spent"], told["Yen"]["spent"]) == ("912.500000003", "110", "0")
    ranges = expected("openai")
    assert ranges
    for name in ("AI", "Search"):
        assert [Decimal(told[name]["forecast"][word]) for word in ("amount", "low", "high")] == [*ranges]
    assert told["AI"]["rests_on"] == {
        "final": 4, "settling": 7, "provisional": 0, "missing": 0, "to_come": 19, "weeks": 4,
    }  # fmt: skip
    assert (told["AI"]["reached"], told["Search"]["reached"], told["All"]["reached"]) == ([50], [50, 80, 100], [])
    assert (told["AI"]["is_forecast_over"], told["Rest"]["is_forecast_over"]) == (True, False)
    assert told["AI"]["spent_share"] == str(reference.divided(Decimal("920.000000003"), Decimal("1500.5")))
    assert (told["All"]["other_currencies"], told["AI"]["other_currencies"]) == (["EUR"], [])
    assert told["Yen"]["other_currencies"] == ["EUR", "USD"]


def test_an_older_month(spending: Plans) -> None:
    """A month that is over and final will be what it was; one that has not begun, or is none, is refused."""
    spending.put("budgets", AI, ALL | {"months": [{"month": "2026-10", "amount": "2500"}]})
    told = spending.told("budgets", month="2026-10")
    (ai, everything) = told["budgets"]
    spent = sum((cost(day) for day in days() if day.month == 10), Decimal())
    assert (told["is_over"], Decimal(ai["spent"])) == (True, spent)
    assert ai["forecast"] == {"amount": ai["spent"], "low": ai["spent"], "high": ai["spent"]}
    assert everything["amount"] == "2500"
    for month in ("2026-12", "2026-13", "x", "2014-01", "2026-11-01"):
        answer = spending.ask("budgets", month=month)
        assert (answer.status_code, answer.get_json()["field"]) == (400, "month")


@pytest.fixture(scope="module")
def comer(session_cloud: Local) -> OnboardedOrg:
    """OpenAI, loaded but from 13 October to 2 November; and Google Cloud from 5 November on."""
    kept = [day for day in days() if not date(2026, 10, 13) <= day <= date(2026, 11, 2)]
    charges = [Charge(day, "openai", Decimal(100), model="gpt-6") for day in kept]
    charges += [
        Charge(day, "gcp", Decimal(10), service="BigQuery", invoice_month="202611")
        for day in kept
        if day >= date(2026, 11, 5)
    ]
    return org_with_costs(session_cloud, "comer_org", charges)


def test_a_gap_that_has_ended_is_missing_days(session_cloud: Local, api: FlaskClient, comer: OnboardedOrg) -> None:
    """Days that were loaded after an older month say that its last days are missing, for no more queries.

    The provider has not stopped, as who looks at the current month is told.
    """
    session_cloud.clock.now = NOON
    plans = Plans(api, comer)
    plans.put("budgets", AI)
    plans.told("runway")  # who asks is looked up once a minute
    with queries(session_cloud) as asked_of_now:
        plans.told("budgets")
    with queries(session_cloud) as asked:
        (budget,) = plans.told("budgets", month="2026-10")["budgets"]
    assert asked[0] <= asked_of_now[0]
    (result,) = plans.told("forecast", month="2026-10")["results"]
    for told in (budget, result["total"], *result["groups"]):
        assert (told["spent"], told["forecast"]["amount"], told["stopped"]) == ("1200", "3100", [])
        assert (told["rests_on"]["missing"], told["rests_on"]["final"]) == (19, 12)


def test_a_provider_that_began_is_named(session_cloud: Local, api: FlaskClient, comer: OnboardedOrg) -> None:
    """Of one that is loaded from the fifth on nothing is counted before: API, console and command line say so."""
    session_cloud.clock.now = NOON
    plans = Plans(api, comer)
    plans.put("budgets", ALL)
    (told,) = plans.told("budgets")["budgets"]
    assert told["began"] == [{"provider": "gcp", "first_day": "2026-11-05"}]
    with served(public_app(compose(session_cloud.settings, session_cloud.clock))) as url:
        shell = Shell({"CLOUDACT_API_URL": url, "CLOUDACT_API_KEY": comer.api_key})
        sentence = "gcp is loaded from 2026-11-05 on: nothing is counted of the days before."
        for command in ("budgets", "forecast"):
            assert sentence in shell(command).stdout.splitlines()
    browser = console_browser(session_cloud).sign_in(comer)
    browser.get(f"/console/{comer.org_slug}")
    assert "Google Cloud is loaded from 5 Nov on: nothing is counted of the days before" in browser.words


def test_the_forecast_by_provider_and_by_label(spending: Plans) -> None:
    """Each currency by itself; groups add up to the total, and are what each provider's own computation is."""
    by_provider = {each["currency"]: each for each in spending.told("forecast")["results"]}
    assert list(by_provider) == ["EUR", "USD"]
    (euros,) = by_provider["EUR"]["groups"]
    told, ranges = euros["forecast"], expected("gcp")
    assert ranges
    assert (euros["key"], Decimal(told["amount"]), Decimal(told["high"])) == ({"provider": "gcp"}, ranges[0], ranges[2])
    assert [group["key"]["provider"] for group in by_provider["USD"]["groups"]] == ["openai", "gcp"]
    total = by_provider["USD"]["total"]
    for word in ("amount", "low", "high"):
        parts = [Decimal(group["forecast"][word]) for group in by_provider["USD"]["groups"]]
        assert Decimal(total["forecast"][word]) == sum(parts)
    by_team = {each["currency"]: each for each in spending.told("forecast", group_by="label:team")["results"]}
    assert [group["key"] for group in by_team["USD"]["groups"]] == [{"team": "search"}, {"team": None}]
    assert by_team["USD"]["groups"][0]["forecast"] == by_provider["USD"]["groups"][0]["forecast"]
    for group_by, code in (("label:nobody", "label_unknown"), ("model", "field_invalid"), ("label:A", "field_invalid")):
        answer = spending.ask("forecast", group_by=group_by)
        assert (answer.status_code, answer.get_json()["code"]) == (400, code)


def test_the_runway_of_a_prepaid_balance(spending: Plans) -> None:
    """Exactly what is left, the newest entry of a provider and currency alone, and the day that uses it up."""
    older = MINE | {"as_of": "2026-10-01", "amount": "1"}
    euros = {"provider": "gcp", "currency": "EUR", "amount": "100", "as_of": "2026-11-01"}
    nobody = {"provider": "anthropic", "currency": "USD", "amount": "100", "as_of": "2026-11-01"}
    spending.put("balances", MINE, older, euros, nobody)
    told = spending.told("runway")
    assert told["today"] == "2026-11-12"
    unknown, google, openai = told["balances"]
    assert (openai["spent"], openai["left"], openai["unknown"]) == ("920.000000003", "4079.999999997", None)
    rates = (Fraction(21, 20), Fraction(1), Fraction(19, 20))  # of weeks that hardly differ
    ends = [_used_up("openai", Decimal(5000), rate) for rate in rates]
    assert [openai[word] for word in ("earliest", "runs_out_on", "latest")] == [str(day) for day in ends]
    assert ends[0] < ends[1] < ends[2]
    assert openai["days_left"] == (ends[1] - TODAY).days
    assert (google["left"], google["days_left"]) == ("-10", 0)
    assert google["runs_out_on"] == str(_used_up("gcp", Decimal(100)))
    assert (unknown["spent"], unknown["left"], unknown["runs_out_on"]) == (None, None, None)
    assert unknown["unknown"] == {"reason": "nothing_loaded", "provider": "anthropic"}


def _used_up(provider: str, left: Decimal, rate: Fraction = Fraction(1)) -> date:
    """Day whose costs use it up, at the mean of the two weeks before yesterday, or so much more or less of it."""
    week = [LAST - timedelta(days=back) for back in range(1, 8)]

    def estimated(day: date) -> Fraction:
        parts = {LAST: Fraction(8, 10)} | dict.fromkeys(week[:6], Fraction(96, 100))
        return Fraction(loaded_cost(provider, day)) / parts.get(day, 1)

    day, spent = date(2026, 11, 1), Fraction()
    while True:
        if day <= LAST:
            spent += estimated(day)
        else:
            (newest,) = (each for each in week if each.weekday() == day.weekday())
            spent += rate * (estimated(newest) + estimated(newest - timedelta(days=7))) / 2
        if spent >= left:
            return day
        day += timedelta(days=1)


@pytest.mark.parametrize("path", ["budgets", "forecast", "runway"])
def test_an_unchanged_answer_costs_no_query(local: Local, spending: Plans, door: Watched, path: str) -> None:
    """One query for the answer; the ETag saves it, and the instance keeps it; other budgets make another one."""
    spending.put("budgets", ALL)
    spending.put("balances", MINE)
    changed = local.settings.model_copy(update={"bigquery_endpoint": door.url})
    asked = Plans(public_app(compose(changed, local.clock)).test_client(), spending.org)
    asked.call("GET", "labels")  # the key is known then
    door.asked()
    documents = {"budgets": 1, "forecast": 0, "runway": 1}[path]
    first = asked.ask(path)
    assert door.asked() == [1 + documents, STATES_OF_AN_ORG + documents]
    again = asked.ask(path)
    assert (again.get_json(), again.headers["X-Bytes-Processed"], door.asked()[0]) == (first.get_json(), "0", 0)
    assert int(first.headers["X-Bytes-Processed"]) > 0
    assert asked.ask(path, {"If-None-Match": first.headers["ETag"]}).status_code == 304
    if documents:
        what = "budgets" if path == "budgets" else "balances"
        asked.put(what, (ALL if path == "budgets" else MINE) | {"amount": "1"})
        assert asked.ask(path, {"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_without_budgets_nothing_is_asked(none: Plans) -> None:
    """An org without budgets, or balances, has an empty answer, that costs no question about its costs."""
    for path in ("budgets", "runway"):
        answer = none.ask(path)
        fields = answer.get_json()
        assert (answer.status_code, fields["budgets" if path == "budgets" else "balances"]) == (200, [])
        assert answer.headers["X-Bytes-Processed"] == "0"


def test_another_org_s_costs_do_not_count(spending: Plans, new_org: NewOrgs) -> None:
    """The same budgets of an org that has loaded nothing are unknown, with the reason, and not zero."""
    stranger = Plans(spending.api, new_org(views=True))
    assert stranger.put("budgets", ALL).status_code == 200
    (told,) = stranger.told("budgets")["budgets"]
    assert (told["spent"], told["forecast"], told["reached"]) == (None, None, [])
    assert told["unknown"] == {"reason": "nothing_loaded", "provider": None}
    assert stranger.told("forecast")["results"] == []


STATES_OF_AN_ORG = len(Shipped.with_providers().tables)


TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80"}


@pytest.fixture
def shell(local: Local, spending: Plans) -> Iterator[Shell]:
    with served(public_app(compose(local.settings, lambda: NOON))) as url:
        yield Shell({"CLOUDACT_API_URL": url, "CLOUDACT_API_KEY": spending.org.api_key})


def test_the_command_line_shows_budgets(shell: Shell, spending: Plans) -> None:
    """A line for each budget, in 80 columns, what there is to say of it, and what the numbers rest on."""
    spending.put("budgets", ALL, AI, ALL | {"name": "Yen", "currency": "JPY", "of": {"provider": "anthropic"}})
    lines = shell("budgets").stdout.splitlines()
    assert lines[0] == "Billed in 2026-11"
    assert lines[2].split() == ["BUDGET", "OF", "AMOUNT", "SPENT", "USED", "FORECAST", "RANGE"]
    assert lines[4].split()[:7] == ["AI", "openai", "USD", "1500.50", "920.00", "61.3", "%"]
    assert lines[5].split() == ["Yen", "anthropic", "JPY", "3000.00", "?", "?"]
    assert "AI: the forecast passes it, 169 %." in lines
    assert "Yen: no forecast: nothing is loaded (anthropic)." in lines
    assert lines[-2].startswith("Days of providers: ")
    assert lines[-1] == "Those not known are taken from the last 4 whole weeks."
    assert shell("budgets", "--month", "2026-10").stdout.splitlines()[-1] == "Days of providers: 31 final."
    narrow = shell("budgets", "status", **TERMINAL).stdout
    assert max(map(len, narrow.splitlines())) <= 80
    assert shell("budgets", "--month", "2026-09").stdout == "No budget holds in 2026-09.\n"
    for command in ("budgets", "forecast"):
        assert "soon is no month: write YYYY-MM, this, or last." in shell(command, "--month", "soon").stderr
    assert shell.json("budgets") == spending.told("budgets")


def test_the_command_line_forecasts(shell: Shell, spending: Plans) -> None:
    """A table for each currency, by provider or label, with a total; `--json` is the API's answer."""
    lines = shell("forecast").stdout.splitlines()
    assert [line.split()[0] for line in lines if line] == [
        "Billed", "PROVIDER", "gcp", "total", "PROVIDER", "openai", "gcp", "total", "Days", "Those",
    ]  # fmt: skip
    assert shell("forecast", "--by", "label:team").stdout.splitlines()[2].split()[:2] == ["LABEL:TEAM", "SPENT"]
    assert max(map(len, shell("forecast", **TERMINAL).stdout.splitlines())) <= 80
    assert shell.json("forecast", "--month", "2026-10") == spending.told("forecast", month="2026-10")


def test_the_command_line_enters_balances(shell: Shell, spending: Plans) -> None:
    """`add` enters one beside the others, in the place of one of the same day; `runway` shows what becomes of them."""
    spending.put("balances")
    assert shell("runway").stdout.startswith("There are no prepaid balances.")
    for sum_of, day in (("4000", "2026-11-01"), ("5000", "2026-11-01"), ("1", "2026-10-01")):
        done = shell("balances", "add", "openai", sum_of, "USD", "--as-of", day)
        assert done.exit_code == 0, done.output
    assert shell.json("balances", "show")["balances"] == [MINE, MINE | {"as_of": "2026-10-01", "amount": "1"}]
    lines = shell("runway").stdout.splitlines()
    assert lines[1].split()[:7] == ["openai", "USD", "2026-11-01", "5000.00", "920.00", "4080.00", "84.29"]
    assert ", in 4" in lines[1]
    assert lines[-1] == "Those not known are taken from the last 4 whole weeks."
    assert max(map(len, shell("runway", **TERMINAL).stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("sum_of", "end"),
    [("1150", "2026-11-13, tomorrow"), ("950", "2026-11-11, by now"), ("920", "2026-11-11, used up")],
)
def test_the_command_line_says_when_a_balance_runs_out(shell: Shell, spending: Plans, sum_of: str, end: str) -> None:
    """What is used up by what is loaded is told apart from what is so in all likelihood."""
    spending.put("balances", MINE | {"amount": sum_of})
    assert f" {end} " in f"{shell('runway').stdout.splitlines()[1]} "


@pytest.mark.parametrize(("what", "one"), [("budgets", ALL), ("balances", MINE)])
def test_the_command_line_replaces_documents(shell: Shell, spending: Plans, what: str, one: Any) -> None:
    """What `show` prints `set` takes; it asks first, and writes over the version that was seen alone."""
    spending.put(what)
    version = spending.put(what, one).get_json()["version"]
    printed = shell(what, "show").stdout
    same = shell(what, "set", "-", "--yes", stdin=printed)
    assert same.stdout.startswith(f"Nothing has changed.\nVersion {version},")
    assert shell(what, "set", "-", stdin=printed).exit_code == 2
    empty = json.dumps({what: []})
    assert shell(what, "set", "-", "--yes", "--over", str(version - 1), stdin=empty).exit_code == 2
    assert shell(what, "set", "-", "--yes", "--over", str(version), stdin=empty).exit_code == 0
    assert spending.shown(what)[what] == []


def test_the_overview_agrees_with_the_api(session_cloud: Local, spending: Plans) -> None:
    """A page of an instance that knows nothing shows the API's budgets, forecast and runway, for two queries."""
    session_cloud.clock.now = NOON
    team = ALL | {"name": "Search", "of": {"label": "team", "value": "search"}, "amount": "900"}
    spending.put("budgets", AI, team, ALL | {"name": "Gone", "of": {"label": "team", "value": ""}, "currency": "JPY"})
    spending.put("balances", MINE, {**MINE, "provider": "anthropic"})
    (ai, search, _), (other, mine) = spending.told("budgets")["budgets"], spending.told("runway")["balances"]
    slug = spending.org.org_slug
    browser = console_browser(session_cloud).sign_in(spending.org)
    browser.get(f"/console/{slug}/settings/keys")  # who asks is looked up once a minute
    with queries(session_cloud) as asked:
        browser.get(f"/console/{slug}")
    assert asked[0] == MOST_QUERIES
    words = browser.words.replace("\xa0", " ")
    for each, of, share, state in (
        (ai, "OpenAI", "61 %", "Will be exceeded"),
        (search, "label team: search", "102 %", "Used up"),
    ):
        shown = [amount(Decimal(text)) for text in (each["spent"], each["amount"], *each["forecast"].values())]
        spent, whole, forecast, low, high = shown
        assert f"{each['name']} {of} {spent} {share} {whole} USD {forecast} {low} to {high} {state}" in words
    assert "costs in EUR, USD do not count" in words
    until = f"{date.fromisoformat(mine['runs_out_on']):%d %b %Y}"
    assert f"OpenAI {amount(Decimal(mine['left']))} USD {amount(Decimal(mine['daily_rate']))} {until}" in words
    assert f"{mine['days_left']} days" in words
    assert other["unknown"]["reason"] == "nothing_loaded"
    assert "not known: Anthropic: no day is loaded" in words
    with queries(session_cloud) as asked:
        browser.get(f"/console/{slug}")
    assert asked[0] == MOST_QUERIES - 1


def test_a_hostile_value_is_a_value(spending: Plans) -> None:
    """What looks like SQL or JSON is a label's value like any other, and nothing but its own costs count."""
    value = "'); DROP TABLE x; --\\\"`"
    rules = [{"when": [{"dimension": "provider", "one_of": ["gcp"]}], "value": value}, *TEAMS]
    labels = [{"name": "team", "rules": rules}]
    assert spending.call("PUT", "labels", json={"labels": labels}).status_code == 200
    hostile = ALL | {"name": value, "of": {"label": "team", "value": value}, "currency": "EUR"}
    assert spending.put("budgets", hostile).status_code == 200
    (told,) = spending.told("budgets")["budgets"]
    assert (told["name"], told["of"]["value"], told["spent"]) == (value, value, "110")


RENAMED = [{"name": "team", "rules": [TEAMS[0] | {"value": "find"}]}]


@pytest.mark.parametrize(
    ("labels", "reason", "words"),
    [
        ([], "label_unknown", "there is no such label any more"),
        (RENAMED, "value_unknown", "no rule of its label gives this value any more"),
    ],
    ids=["label", "value"],
)
def test_a_budget_that_covers_nothing_says_so(
    session_cloud: Local, shell: Shell, spending: Plans, labels: Any, reason: str, words: str
) -> None:
    """A budget of a label, or of a value, that is gone has neither costs nor a forecast; all that show it say why.

    One of what no rule is of goes on, and the answer to a question that knows the old labels is not the old one.
    """
    session_cloud.clock.now = NOON
    rest = ALL | {"name": "Rest", "of": {"label": "team", "value": ""}}
    spending.put("budgets", ALL | {"of": {"label": "team", "value": "search"}}, *([rest] if labels else []))
    before = spending.ask("budgets")
    assert before.get_json()["budgets"][0]["unknown"] is None
    assert spending.call("PUT", "labels", json={"labels": labels}).status_code == 200
    told, *others = spending.told("budgets", headers={"If-None-Match": before.headers["ETag"]})["budgets"]
    assert [told[word] for word in ("spent", "forecast", "reached")] == [None, None, []]
    assert told["unknown"] == {"reason": reason, "provider": None}
    assert [each["unknown"] for each in others] == [None] * len(others)
    assert f"All: it covers nothing: {words}." in shell("budgets").stdout
    slug = spending.org.org_slug
    browser = console_browser(session_cloud).sign_in(spending.org)
    browser.get(f"/console/{slug}")
    assert "Covers nothing" in browser.words
    browser.get(f"/console/{slug}/settings/budgets")
    assert browser.words.count("Covers nothing: ") == 1


def test_a_provider_that_has_stopped_is_named(session_cloud: Local, spending: Plans) -> None:
    """Fifteen days after its last loaded one, what is loaded alone counts: API, console and command line say so."""
    spending.put("budgets", AI)
    spending.put("balances", MINE)
    session_cloud.clock.now = later = NOON + timedelta(days=14)
    (told,) = spending.told("budgets")["budgets"]
    assert (told["stopped"], told["unknown"]) == ([{"provider": "openai", "last_day": "2026-11-11"}], None)
    assert (told["rests_on"]["missing"], told["rests_on"]["to_come"], told["is_forecast_over"]) == (0, 0, False)
    spent, most = Decimal(told["spent"]), Decimal(told["forecast"]["high"])
    assert spent <= most < spent * Decimal("1.1")  # by what its last days may still become
    (balance,) = spending.told("runway")["balances"]
    assert (balance["left"], balance["unknown"]["reason"]) == ("4079.999999997", "stopped")
    with served(public_app(compose(session_cloud.settings, lambda: later))) as url:
        shell = Shell({"CLOUDACT_API_URL": url, "CLOUDACT_API_KEY": spending.org.api_key})
        sentence = "openai was last loaded for 2026-11-11: nothing more is expected of it."
        assert sentence in shell("budgets").stdout.splitlines()
        assert f"gcp {sentence[7:]}" in shell("forecast").stdout.splitlines()
        assert "openai: not known: its days are not loaded any more (openai)." in shell("runway").stdout
    browser = console_browser(session_cloud).sign_in(spending.org)
    browser.get(f"/console/{spending.org.org_slug}")
    assert "OpenAI was last loaded for 11 Nov: nothing more is expected of it" in browser.words
