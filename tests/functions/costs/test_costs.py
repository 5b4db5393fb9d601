"""GET /costs/{org}: exact sums by period and group, told apart what must not be mixed, and what is refused."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from functions.costs.question import Days
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs
from tests.functions.costs.charges import FIRST, LAST, Charge, load, total
from tests.functions.costs.conftest import Get, Watched, costs_of
from tests.sessions import bearer

OCTOBER = {"start": "2026-10-01", "end": "2026-10-31"}
STATES = 11  # metadata that is read of an org: its ten tables and the view


def in_october(charge: Charge) -> bool:
    return charge.day.month == 10


def results(answer: Any) -> dict[str, Any]:
    """The sums by currency or unit."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return {each["currency"] or each["unit"]: each for each in answer.get_json()["results"]}


@pytest.mark.parametrize(
    "dimension", ["provider", "service", "model", "token_type", "sub_account", "api_key", "region"]
)
def test_each_group_costs_what_its_charges_cost(get: Get, found: list[Charge], dimension: str) -> None:
    """By any dimension each group is the exact sum of its charges in each currency; what has none is unattributed."""
    told = results(get(**OCTOBER, group_by=dimension, limit=50))
    expected: dict[str, dict[str | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for charge in filter(in_october, found):
        expected[charge.currency][getattr(charge, dimension)] += charge.billed
    assert {*told} == {"USD", "EUR"}
    for currency, sums in told.items():
        groups = {group["key"][dimension]: Decimal(group["total"]) for group in sums["groups"]}
        assert groups == expected[currency]
        kinds = {group["key"][dimension]: group["kind"] for group in sums["groups"]}
        assert all(kind == ("unattributed" if key is None else "group") for key, kind in kinds.items())
        assert Decimal(sums["total"]) == sum(groups.values())
    assert sum(sum(each.values()) for each in expected.values()) == total(found, in_october)


@pytest.mark.parametrize("granularity", ["day", "week", "month"])
def test_periods_add_up(get: Get, found: list[Charge], granularity: str) -> None:
    """Days, weeks from Monday and months each have the sum of their days, cut by start and end."""
    start, end = date(2026, 9, 3), date(2026, 11, 4)
    answer = get(start=start, end=end, granularity=granularity, provider="openai")
    periods = [date.fromisoformat(text) for text in answer.get_json()["periods"]]
    ends = [*periods[1:], date(2026, 12, 1)]
    expected = [
        total(found, lambda each: each.provider == "openai" and max(a, start) <= each.day < b and each.day <= end)  # noqa: B023
        for a, b in zip(periods, ends, strict=True)
    ]
    (sums,) = results(answer).values()
    assert [Decimal(text) for text in sums["amounts"]] == expected
    assert {"day": start, "week": date(2026, 8, 31), "month": date(2026, 9, 1)}[granularity] == periods[0]
    assert len(periods) == {"day": 63, "week": 10, "month": 3}[granularity]


def test_the_rest_is_told_as_other(get: Get, found: list[Charge]) -> None:
    """Beyond the limit all groups are one, with their number; what is unattributed is never among them."""
    whole = results(get(**OCTOBER, group_by="sub_account,service", provider="gcp", limit=50))["USD"]
    told = results(get(**OCTOBER, group_by="sub_account,service", provider="gcp", limit=2))["USD"]
    assert [group["kind"] for group in told["groups"]] == ["group", "group", "other"]
    assert told["groups"][:2] == whole["groups"][:2]
    rest = whole["groups"][2:]
    other = told["groups"][2]
    assert (other["key"], other["group_count"]) == (None, len(rest))
    assert Decimal(other["total"]) == sum(Decimal(each["total"]) for each in rest)
    assert (told["total"], told["group_count"]) == (whole["total"], whole["group_count"])
    sizes = [abs(Decimal(each["total"])) for each in whole["groups"]]
    assert sizes == sorted(sizes, reverse=True)
    one = results(get(**OCTOBER, group_by="region", provider="gcp", limit=1))["USD"]
    assert [group["kind"] for group in one["groups"]] == ["group", "unattributed"]
    assert Decimal(one["total"]) == total(
        found, lambda each: in_october(each) and each.provider == "gcp" and each.currency == "USD"
    )


FILTERS = [
    ({"provider": ["openai"]}, lambda c: c.provider == "openai"),
    ({"not_provider": ["openai"]}, lambda c: c.provider != "openai"),
    ({"model": ["gpt-6", "o4"]}, lambda c: c.model in ("gpt-6", "o4")),
    ({"not_model": ["gpt-6"]}, lambda c: c.model != "gpt-6"),
    ({"model": [""]}, lambda c: c.model is None),
    ({"not_sub_account": [""]}, lambda c: c.sub_account is not None),
    ({"service": ["BigQuery"], "region": ["us-central1"]}, lambda c: c.service == "BigQuery" and c.region is not None),
    ({"api_key": ["key_1", ""], "token_type": ["output"]}, lambda c: c.token_type == "output" and c.api_key != "key_2"),
    ({"tag": ["team=search", "team=ads"]}, lambda c: c.team in ("search", "ads")),
    ({"tag": ['team=a"b\\c']}, lambda c: c.team == 'a"b\\c'),
    ({"not_tag": ["team=search"], "provider": ["gcp"]}, lambda c: c.provider == "gcp" and c.team != "search"),
    ({"tag": ["team="]}, lambda c: c.team is None),
    ({"tag": ["nobody=x"]}, lambda _: False),
]


@pytest.mark.parametrize(("query", "fits"), FILTERS, ids=[str(query) for query, _ in FILTERS])
def test_filters(get: Get, found: list[Charge], query: dict[str, list[str]], fits: Any) -> None:
    """Values of a filter are alternatives, filters hold together, `not` lets all others count, '' is what has none."""
    told = results(get(**OCTOBER, granularity="month", **query))
    for currency in ("USD", "EUR"):
        expected = [each for each in found if in_october(each) and each.currency == currency and fits(each)]
        assert Decimal(told[currency]["total"] if currency in told else "0") == total(expected)
        assert (currency in told) is bool(expected)


HOSTILE = [
    "'; DROP TABLE x; --",
    "\\",
    '"',
    "x') OR 1=1 --",
    "@start",
    "%",
    "{}",
    "ü\U0001f600",
    "` `",
    "NULL",
    "-- with gcp",
]


def test_a_hostile_value_is_a_value(get: Get) -> None:
    """Whatever a filter holds is compared as text: nothing fits any of it, and everything else is not it."""
    names = ("provider", "model", "sku")
    for name in names:
        assert results(get(**OCTOBER, **{name: HOSTILE})) == {}, name
    assert results(get(**OCTOBER, tag=[f"team={text}" for text in HOSTILE])) == {}
    others = results(get(**OCTOBER, **{f"not_{name}": HOSTILE for name in names}))
    assert others["USD"]["total"] == results(get(**OCTOBER))["USD"]["total"]


HOSTILE_KEYS = ["a'b", "a) --", "$", "a.b", "a[0]", "@x", "team') OR ('1", "ü", "a/b:c d"]


@pytest.mark.parametrize("keys", [HOSTILE_KEYS[:3], HOSTILE_KEYS[3:6], HOSTILE_KEYS[6:]], ids=str)
def test_a_hostile_tag_is_a_tag(get: Get, keys: list[str]) -> None:
    """A key of a tag is compared as text too: no charge has it, so all of them are unattributed."""
    (group,) = results(get(**OCTOBER, group_by=[f"tag:{key}" for key in keys]))["USD"]["groups"]
    assert (group["kind"], group["key"]) == ("unattributed", {f"tag:{key}": None for key in keys})


def test_tags(get: Get, found: list[Charge]) -> None:
    """A tag groups by its values; what has no such tag is unattributed."""
    groups = results(get(**OCTOBER, group_by="tag:team", provider="gcp"))["EUR"]["groups"]
    expected: dict[str | None, Decimal] = defaultdict(Decimal)
    for charge in found:
        if in_october(charge) and charge.currency == "EUR":
            expected[charge.team] += charge.billed
    assert {each["key"]["tag:team"]: Decimal(each["total"]) for each in groups} == expected
    assert groups[-1]["kind"] == "unattributed"


def test_quantities_of_different_units_are_kept_apart(get: Get, found: list[Charge]) -> None:
    """Consumption is told by its units, in no currency."""
    told = results(get(**OCTOBER, metric="consumed", group_by="token_type"))
    assert {*told} == {"Tokens", "Units"}
    expected: dict[str | None, int] = defaultdict(int)
    for charge in filter(in_october, found):
        if charge.tokens:
            expected[charge.token_type] += int(charge.tokens)
    assert {each["key"]["token_type"]: int(each["total"]) for each in told["Tokens"]["groups"]} == expected
    assert told["Tokens"]["currency"] is None


@pytest.mark.parametrize("metric", ["effective", "list", "contracted"])
def test_other_costs(get: Get, metric: str) -> None:
    """These rows cost the same in each of FOCUS's costs."""
    assert results(get(**OCTOBER, metric=metric)) == results(get(**OCTOBER))


def test_the_period_before(get: Get, found: list[Charge]) -> None:
    """A month is compared with the month before, other days with as many directly before them."""
    for start, end, before in (
        (date(2026, 10, 1), date(2026, 10, 31), date(2026, 9, 1)),
        (date(2026, 10, 3), date(2026, 10, 9), date(2026, 9, 26)),
    ):
        answer = get(start=start, end=end, group_by="model", compare="previous_period", granularity="week")
        assert answer.get_json()["previous"] == {"start": str(before), "end": str(start - timedelta(days=1))}
        sums = results(answer)["USD"]
        for group in sums["groups"]:
            of_group = [c for c in found if c.currency == "USD" and c.model == group["key"]["model"]]
            assert Decimal(group["total"]) == total(of_group, lambda c: start <= c.day <= end)  # noqa: B023
            assert Decimal(group["previous_total"]) == total(of_group, lambda c: before <= c.day < start)  # noqa: B023
        assert Decimal(sums["previous_total"]) == total(
            found,
            lambda c: c.currency == "USD" and before <= c.day < start,  # noqa: B023
        )


def test_the_same_days_of_the_month_before(get: Get, found: list[Charge]) -> None:
    """What lies between them counts in neither month, and its days are not told."""
    start, end, before = date(2026, 11, 1), date(2026, 11, 9), Days(date(2026, 10, 1), date(2026, 10, 9))
    told = get(start=start, end=end, group_by="model", compare="previous_month").get_json()
    assert told["previous"] == {"start": "2026-10-01", "end": "2026-10-09"}
    sums = next(each for each in told["results"] if each["currency"] == "USD")
    assert Decimal(sums["total"]) == total(found, lambda c: c.currency == "USD" and start <= c.day <= end)
    assert Decimal(sums["previous_total"]) == total(found, lambda c: c.currency == "USD" and c.day in before)
    days = {date.fromisoformat(each["date"]) for each in told["completeness"]}
    assert days == {*before, *Days(start, end)}
    tokens = get("/unit-costs", start=start, end=end, compare="previous_month").get_json()
    of_tokens = [c for c in found if c.tokens and c.day in before]
    assert sum(Decimal(each["previous"]["tokens"]) for each in tokens["unit_costs"]) == sum(
        c.tokens or 0 for c in of_tokens
    )


def test_what_has_vanished_is_told(get: Get) -> None:
    """A group that costs nothing any more is among the largest by what it cost before."""
    told = results(get(start="2027-01-01", end="2027-01-31", granularity="month", compare="previous_period"))
    assert told == {}
    later = get(start="2026-11-12", end="2026-11-30", group_by="provider", compare="previous_period")
    groups = results(later)["USD"]["groups"]
    assert {(each["total"], each["kind"]) for each in groups} == {("0", "group")}
    assert all(Decimal(each["previous_total"]) != 0 for each in groups)


def test_months_of_invoices(get: Get, found: list[Charge]) -> None:
    """A charge of Google counts in the month of its invoice, which may be the next one; others by their day."""

    def month(charge: Charge) -> str:
        return charge.invoice_month or charge.day.strftime("%Y%m")

    query = {"granularity": "month", "basis": "invoice_month", "group_by": "provider", "compare": "previous_period"}
    for currency, sums in results(get(**OCTOBER, **query)).items():
        for group in sums["groups"]:
            of_group = [c for c in found if c.currency == currency and c.provider == group["key"]["provider"]]
            assert Decimal(group["total"]) == total(of_group, lambda c: month(c) == "202610")
            assert Decimal(group["previous_total"]) == total(of_group, lambda c: month(c) == "202609")
    assert results(get(**OCTOBER, **query)) != results(get(**OCTOBER, granularity="month", group_by="provider"))


def test_days_that_lack(get: Get) -> None:
    """Each day that has begun is told for each provider: loaded before there was a history, or not loaded."""
    answer = get(start="2026-11-10", end="2026-11-20", not_provider="openai").get_json()
    states = [(each["provider"], each["date"], each["state"]) for each in answer["completeness"]]
    assert states == [
        ("gcp", "2026-11-10", "unknown"),
        ("gcp", "2026-11-11", "unknown"),
        ("gcp", "2026-11-12", "missing"),
    ]
    assert answer["is_final"] is False


def test_the_defaults(get: Get) -> None:
    """Without days it is the thirty that end yesterday, by days, not grouped."""
    answer = get().get_json()
    assert (answer["start"], answer["end"], len(answer["periods"])) == ("2026-10-13", "2026-11-11", 30)
    assert [group["kind"] for group in answer["results"][0]["groups"]] == ["group"]


REFUSED = [
    ({"start": "2026-11-02", "end": "2026-11-01"}, "start", "field_invalid"),
    ({"start": "2014-12-31", "end": "2015-01-02"}, "start", "field_invalid"),
    ({"start": "2025-01-01", "end": "2026-11-01"}, "end", "field_invalid"),
    ({"start": "1"}, "start", "field_invalid"),
    ({"start": "9999-12-31", "end": "9999-12-31"}, "end", "field_invalid"),
    ({"granularity": "hour"}, "granularity", "field_invalid"),
    ({"metric": "net"}, "metric", "field_invalid"),
    ({"group_by": "provider,model,sku,region"}, "group_by", "field_invalid"),
    ({"group_by": "model,model"}, "group_by", "field_invalid"),
    ({"group_by": "x_Model"}, "group_by", "field_invalid"),
    ({"group_by": "tag:"}, "group_by", "field_invalid"),
    ({"group_by": 'tag:a"b'}, "group_by", "field_invalid"),
    ({"group_by": "tag:*"}, "group_by", "field_invalid"),
    ({"group_by": "tag:a\\"}, "group_by", "field_invalid"),
    ({"group_by": "label:team"}, "group_by", "label_unknown"),
    ({"label": "team=search"}, "label", "label_unknown"),
    ({"not_label": "team=search"}, "not_label", "label_unknown"),
    ({"tag": "team"}, "tag", "field_invalid"),
    ({"tag": ["a=1", "b=1", "c=1", "d=1"]}, "tag", "field_invalid"),
    ({"model": [str(number) for number in range(51)]}, "model", "field_invalid"),
    ({"not_model": "x" * 501}, "not_model", "field_invalid"),
    ({"provider": "a\nb"}, "provider", "field_invalid"),
    ({"limit": "0"}, "limit", "field_invalid"),
    ({"limit": "501"}, "limit", "field_invalid"),
    ({"start": "2025-11-01", "end": "2026-11-01", "limit": "60"}, "limit", "field_invalid"),
    ({"compare": "last_year"}, "compare", "field_invalid"),
    ({"start": "2026-09-30", "end": "2026-10-01", "compare": "previous_month"}, "compare", "fields_conflict"),
    ({"start": "2026-03-29", "end": "2026-03-31", "compare": "previous_month"}, "compare", "fields_conflict"),
    ({"basis": "invoice_month", "granularity": "month"}, "basis", "fields_conflict"),
    ({"basis": "invoice_month", **OCTOBER}, "basis", "fields_conflict"),
    ({"nonsense": "1"}, None, "field_unknown"),
    ({"limit": ["1", "2"]}, "limit", "field_invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "field", "code"), REFUSED, ids=[str(query)[:60] for query, *_ in REFUSED])
def test_what_cannot_be_answered_is_refused_by_name(get: Get, query: Any, field: str | None, code: str) -> None:
    """A question without an answer is 400, and names the parameter."""
    answer = get(**query)
    assert (answer.status_code, answer.get_json()["code"], answer.get_json().get("field")) == (400, code, field)


def test_another_org_s_costs_are_never_seen(
    local: Local, api: FlaskClient, org: OnboardedOrg, other_org: OnboardedOrg
) -> None:
    """A key or a member of one org reads neither the costs of another one nor an answer that is kept for it."""
    path = f"/api/v1/costs/{other_org.org_slug}?start=2026-09-01&end=2026-09-30"
    own = api.get(path, headers={"X-API-Key": other_org.api_key})
    assert own.status_code == 200
    for headers in ({"X-API-Key": org.api_key}, bearer(local, org.user_id)):
        for known in ({}, {"If-None-Match": own.headers["ETag"]}):
            assert api.get(path, headers={**headers, **known}).status_code == 403
    mine = api.get(path.replace(other_org.org_slug, org.org_slug), headers={"X-API-Key": org.api_key})
    assert mine.headers["ETag"] != own.headers["ETag"]
    assert mine.get_json()["results"] != own.get_json()["results"]


def test_any_member_reads_costs(local: Local, api: FlaskClient, org: OnboardedOrg) -> None:
    """A person of the org reads them as a key does."""
    path = f"/api/v1/costs/{org.org_slug}"
    assert api.get(path, headers=bearer(local, org.user_id)).status_code == 200
    assert api.get(path).status_code == 401


def test_an_unchanged_answer_costs_no_query(
    local: Local, new_org: NewOrgs, found: list[Charge], watched_api: FlaskClient, door: Watched
) -> None:
    """One query answers; the repetition takes none, by memory or 304, until a load has changed a row."""
    org = new_org(views=True)
    load(local, org.org_slug, found[-20:])
    path, key = f"/api/v1/costs/{org.org_slug}", {"X-API-Key": org.api_key}
    watched_api.get(f"/api/v1/organizations/{org.org_slug}/api-key", headers=key)  # the key is known from now on
    door.asked()
    first = watched_api.get(path, headers=key)
    assert door.asked() == [1, STATES]
    assert int(first.headers["X-Bytes-Processed"]) > 0
    again = watched_api.get(path, headers=key)
    assert door.asked() == [0, 0]
    assert (again.data, again.headers["ETag"], again.headers["X-Bytes-Processed"]) == (
        first.data,
        first.headers["ETag"],
        "0",
    )
    local.clock.advance(seconds=6)
    known = {**key, "If-None-Match": first.headers["ETag"]}
    unchanged = watched_api.get(path, headers=known)
    assert (unchanged.status_code, unchanged.data, door.asked()) == (304, b"", [0, STATES])
    assert first.headers["Cache-Control"] == unchanged.headers["Cache-Control"] == "private, no-cache"
    load(local, org.org_slug, [found[-1]])
    local.clock.advance(seconds=6)
    changed = watched_api.get(path, headers=known)
    assert (changed.status_code, door.asked()) == (200, [1, STATES])
    assert results(changed) != results(first)


def test_too_many_questions(new_org: NewOrgs, api: FlaskClient) -> None:
    """Different questions are bounded for each org; what is kept may be asked for without end."""
    org = new_org(views=False)
    key, path = {"X-API-Key": org.api_key}, f"/api/v1/costs/{org.org_slug}"
    answers = [api.get(path, headers=key, query_string={"model": str(number)}) for number in range(121)]
    assert {answer.status_code for answer in answers[:120]} == {503}
    assert {answer.get_json()["code"] for answer in answers[:120]} == {"dataset_unreadable"}
    assert (answers[120].status_code, answers[120].get_json()["code"]) == (429, "costs_limited")
    assert answers[120].headers["Retry-After"] == "10"


def test_days_alone_are_read(api: FlaskClient, org: OnboardedOrg) -> None:
    """A question reads the partitions of its days, and of the days before where it compares."""

    def processed(**query: str) -> int:
        return int(costs_of(api, org)(**query).headers["X-Bytes-Processed"])

    (day, week, two) = (
        processed(start="2026-10-07", end="2026-10-07"),
        processed(start="2026-10-01", end="2026-10-07"),
        processed(start="2026-10-08", end="2026-10-14", compare="previous_period"),
    )
    assert 0 < day < week < two
    assert processed(start="2025-10-01", end="2025-10-07") == 0
    whole = processed(start=str(FIRST), end=str(LAST))
    assert day * 30 < whole < day * 150


def test_a_question_is_bounded_by_bytes(local: Local, watched_api: FlaskClient, org: OnboardedOrg) -> None:
    """BigQuery is told how much it may bill; a question that would take more is refused in our words."""
    fault = {
        "method": "POST",
        "path_regex": "/queries$",
        "status": 400,
        "times": 1,
        "reason": "bytesBilledLimitExceeded",
        "message": "Query exceeded limit for bytes billed",
    }
    key = {"X-API-Key": org.api_key}
    watched_api.get(f"/api/v1/organizations/{org.org_slug}/api-key", headers=key)
    requests.post(f"{local.settings.bigquery_endpoint}/local/faults", json=fault, timeout=10).raise_for_status()
    refused = watched_api.get(f"/api/v1/costs/{org.org_slug}", headers=key)
    assert (refused.status_code, refused.get_json()["code"]) == (400, "costs_too_large")
