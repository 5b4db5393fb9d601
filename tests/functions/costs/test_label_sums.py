"""Costs by label: what the service makes of rules with SQL, a loop makes of the charges in Decimal, digit by digit."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudact.costs.dimensions import Dimension
from cloudact.costs.labels import labels_of
from cloudact.warehouse.bigquery import open_warehouse
from functions.costs.answer import answer_of
from functions.costs.question import Days, Granularity, Question
from functions.costs.statement import statement_of_groups
from functions.costs.states import Shipped
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local
from tests.functions.costs.charges import FIRST, LAST, Charge, org_with_costs, total
from tests.functions.costs.conftest import Get, Watched, costs_of

WEEK = {"start": "2026-10-01", "end": "2026-10-07", "format": "parquet"}
ALLOCATED = [f"Allocated{word}" for word in ("MethodId", "MethodDetails", "ResourceId", "ResourceName", "Tags")]
OCTOBER = {"start": "2026-10-01", "end": "2026-10-31"}
SPLIT = [{"value": "search", "share": "0.6"}, {"value": "ads", "share": "0.4"}]
TEAM: dict[str, Any] = {
    "name": "team",
    "rules": [
        {"when": [{"dimension": "tag:team", "one_of": ["search", 'a"b\\c']}], "value": "search"},
        {"when": [{"dimension": "api_key", "one_of": ["key_1"]}], "shares": SPLIT},
        {"when": [{"dimension": "service", "starts_with": "Big"}], "value": "data"},
        {
            "when": [{"dimension": "model", "one_of": [""]}, {"dimension": "provider", "one_of": ["openai"]}],
            "value": "ads",
        },
    ],
}
ENV: dict[str, Any] = {
    "name": "env",
    "rules": [
        {"when": [{"dimension": "sub_account", "starts_with": "p"}], "value": "prod"},
        {"shares": [{"value": "prod", "share": "0.333333333"}, {"value": "test", "share": "0.666666667"}]},
    ],
}
UNIT = Decimal("1e-9")
STATES = len(Shipped.with_providers().tables) + 1  # the org's tables, and that of the labels


def value_of(charge: Charge, dimension: str) -> str:
    if dimension == "tag:other":  # which no charge has
        return ""
    return getattr(charge, dimension.removeprefix("tag:")) or ""


def holds(charge: Charge, condition: dict[str, Any]) -> bool:
    value = value_of(charge, condition["dimension"])
    return value.startswith(condition["starts_with"]) if "starts_with" in condition else value in condition["one_of"]


def shared(amount: Decimal, shares: Iterable[tuple[str, Decimal]]) -> Iterator[tuple[str, Decimal]]:
    """Parts of an amount: each bound of a share is rounded once, half away from zero."""
    with localcontext(prec=100, rounding=ROUND_HALF_UP):
        given, bound = Decimal(), Decimal()
        for value, share in shares:
            bound += share
            upto = (amount * bound).quantize(UNIT)
            yield value, upto - given
            given = upto


def labelled(found: Iterable[Charge], label: dict[str, Any]) -> list[tuple[str | None, Charge]]:
    """Each charge, or each part of one, with the label's value."""
    parts: list[tuple[str | None, Charge]] = []
    for charge in found:
        rule = next((r for r in label["rules"] if all(holds(charge, each) for each in r.get("when", ()))), None)
        if rule is None or "value" in rule:
            parts.append((rule and rule["value"], charge))
            continue
        shares = [(each["value"], Decimal(each["share"])) for each in rule["shares"]]
        tokens = dict(shared(Decimal(charge.tokens or 0), shares))
        parts += [
            (value, replace(charge, billed=billed, tokens=tokens[value] if charge.tokens else None))  # type: ignore[arg-type]  # has decimals
            for value, billed in shared(charge.billed, shares)
        ]
    return parts


def sums_by(found: Iterable[tuple[Any, Charge]]) -> dict[tuple[str, Any], Decimal]:
    sums: dict[tuple[str, Any], Decimal] = defaultdict(Decimal)
    for key, charge in found:
        sums[charge.currency, key] += charge.billed
    return sums


def told_by(answer: Any, *dimensions: str) -> dict[tuple[str, Any], Decimal]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    told = {}
    for sums in answer.get_json()["results"]:
        for group in sums["groups"]:
            keys = tuple(group["key"][each] for each in dimensions)
            told[sums["currency"], keys[0] if len(keys) == 1 else keys] = Decimal(group["total"])
    return told


@pytest.fixture(scope="module")
def labelled_org(session_cloud: Local, found: list[Charge]) -> OnboardedOrg:
    return org_with_costs(session_cloud, "labels_org", found)


@pytest.fixture
def put(instance: FlaskClient, labelled_org: OnboardedOrg) -> Callable[..., Any]:
    def write(*labels: Any) -> Any:
        path = f"/api/v1/organizations/{labelled_org.org_slug}/labels"
        return instance.put(path, headers={"X-API-Key": labelled_org.api_key}, json={"labels": labels})

    return write


@pytest.fixture
def ask(local: Local, instance: FlaskClient, labelled_org: OnboardedOrg) -> Get:
    """Asks for the costs of the org with labels, at noon, the instance that writes the labels."""
    assert local.clock.now == NOON
    return costs_of(instance, labelled_org)


@pytest.fixture
def october(put: Callable[..., Any], found: list[Charge]) -> list[Charge]:
    """The charges of October, of an org that has both labels."""
    assert put(TEAM, ENV).status_code == 200
    return [charge for charge in found if charge.day.month == 10]


def test_each_value_costs_what_its_charges_cost(ask: Get, october: list[Charge]) -> None:
    """By one label, and by two: the first splits, then the other; together it is the sum without labels."""
    for label in (TEAM, ENV):
        word = f"label:{label['name']}"
        assert told_by(ask(**OCTOBER, group_by=word), word) == sums_by(labelled(october, label))
    both = [
        ((charge.provider, env, team), part)
        for team, charge in labelled(october, TEAM)
        for env, part in labelled([charge], ENV)
    ]
    names = ("provider", "label:env", "label:team")
    told = told_by(ask(**OCTOBER, group_by=",".join(names), limit=100), *names)
    assert {key: amount for key, amount in told.items() if amount} == {
        key: amount for key, amount in sums_by(both).items() if amount
    }
    whole = {each["currency"]: each["total"] for each in ask(**OCTOBER).get_json()["results"]}
    by_label = {each["currency"]: each["total"] for each in ask(**OCTOBER, group_by=names).get_json()["results"]}
    assert by_label == whole


def test_filters_take_parts(ask: Get, october: list[Charge]) -> None:
    """A filter counts the parts of its value, `not` all others, and an empty one what no rule is of."""
    parts = labelled(october, TEAM)
    asked: list[tuple[dict[str, Any], Callable[[str | None], bool]]] = [
        ({"label": ["team=search"]}, lambda value: value == "search"),
        ({"label": ["team=search", "team="]}, lambda value: value in ("search", None)),
        ({"not_label": ["team=search"]}, lambda value: value != "search"),
        ({"label": ["team="], "not_label": ["env=x"]}, lambda value: value is None),
        ({"label": ["team='); DROP TABLE x; --"]}, lambda _: False),
    ]
    for query, fits in asked:
        told = {each["currency"]: Decimal(each["total"]) for each in ask(**OCTOBER, **query).get_json()["results"]}
        expected = sums_by((None, charge) for value, charge in parts if fits(value))
        assert told == {currency: amount for (currency, _), amount in expected.items()}


def test_unattributed_is_told_apart(ask: Get, october: list[Charge]) -> None:
    """What no rule is of is a group of its own kind, however small the limit is."""
    (usd,) = (
        each
        for each in ask(**OCTOBER, group_by="label:team", limit=1).get_json()["results"]
        if each["currency"] == "USD"
    )
    kinds = {group["kind"]: group for group in usd["groups"]}
    assert Decimal(kinds["unattributed"]["total"]) == sums_by(labelled(october, TEAM))["USD", None]
    assert kinds["other"]["group_count"] == 2


def test_a_million_tokens_by_team(ask: Get, october: list[Charge]) -> None:
    """Costs and tokens are shared out alike, and their quotient is rounded once."""
    answer = ask("/unit-costs", **OCTOBER, group_by="label:team", token_type="output").get_json()
    groups: dict[Any, list[Charge]] = defaultdict(list)
    for team, charge in labelled(october, TEAM):
        if charge.token_type == "output":
            groups[charge.model, team].append(charge)
    told = {(each["key"]["model"], each["key"]["label:team"]): each for each in answer["unit_costs"]}
    assert {*told} == {*groups}
    for key, each in told.items():
        tokens = sum(Decimal(charge.tokens or 0) for charge in groups[key])
        assert (Decimal(each["cost"]), Decimal(each["tokens"])) == (total(groups[key]), tokens)
        with localcontext(prec=100):
            price = (total(groups[key]) * 1_000_000 / tokens).quantize(UNIT, ROUND_HALF_UP)
        assert Decimal(each["cost_per_million"]) == price


def test_rules_are_retroactive_and_unchanged_answers_cost_nothing(
    ask: Get, put: Callable[..., Any], october: list[Charge]
) -> None:
    """A new version of a label changes its answers at once, for all days; of other labels, and of none, nothing."""
    query = {**OCTOBER, "group_by": "label:team"}
    first = ask(**query)
    assert ask(headers={"If-None-Match": first.headers["ETag"]}, **query).status_code == 304
    put(TEAM, {"name": "env", "rules": [{"value": "prod"}]})
    again = ask(**query)
    assert (again.headers["ETag"], again.headers["X-Bytes-Processed"]) == (first.headers["ETag"], "0")
    other = {"name": "team", "rules": [{"value": "all"}]}
    put(other)
    changed = ask(**query)
    assert changed.headers["ETag"] != first.headers["ETag"]
    assert told_by(changed, "label:team") == sums_by(labelled(october, other))
    assert ask(**OCTOBER, group_by="label:env").get_json()["code"] == "label_unknown"


def test_a_file_has_labels(ask: Get, october: list[Charge]) -> None:
    """CSV has a column for the label; rows of charges as they are have none, and are refused with one."""
    lines = ask("/export", **OCTOBER, granularity="month", group_by="label:team").get_data(as_text=True).splitlines()
    assert lines[0].split(",")[4:6] == ["label:team", "label:team_name"]
    assert len(lines) == 1 + len(sums_by(labelled(october, TEAM)))
    refused = ask("/export", format="parquet", label="team=search").get_json()
    assert (refused["code"], refused["field"]) == ("fields_conflict", "label")


def rows_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: list[dict[str, Any]] = pq.read_table(pa.BufferReader(answer.data)).to_pylist()
    return found


def test_rows_are_allocated_by_a_label(
    ask: Get, october: list[Charge], api: FlaskClient, labelled_org: OnboardedOrg
) -> None:
    """A charge is a row for each share, told in the columns that FOCUS has for it; others are as they are."""
    path = f"/api/v1/organizations/{labelled_org.org_slug}/labels"
    version = api.get(path, headers={"X-API-Key": labelled_org.api_key}).get_json()["version"]
    rows = rows_of(ask("/export", **WEEK, allocated_by="team"))
    parts = labelled([charge for charge in october if charge.day.day <= 7], TEAM)
    assert Counter((row["AllocatedResourceId"], row["BilledCost"]) for row in rows) == Counter(
        (team, part.billed) for team, part in parts
    )
    ratios = Counter[Any]()
    for row in rows:
        if (team := row["AllocatedResourceId"]) is None:
            assert {row[name] for name in ALLOCATED} == {None}
            continue
        details = json.loads(row["AllocatedMethodDetails"], parse_float=str)
        [element] = details["Elements"]
        ratios[team, details["x_Rule"], element["AllocatedRatio"]] += 1
        assert (row["AllocatedMethodId"], row["AllocatedResourceName"]) == (f"label/team/{version}", team)
        assert (json.loads(row["AllocatedTags"]), [*element]) == ({"label/team": team}, ["AllocatedRatio"])
    shared_out = {key: count for key, count in ratios.items() if key[2] != 1}
    assert {(team, ratio) for team, _, ratio in shared_out} == {("search", "0.6"), ("ads", "0.4")}
    assert len({*shared_out.values()}) == 1


@pytest.mark.usefixtures("october")
def test_parts_are_the_charge_in_every_column(ask: Get) -> None:
    """Summed over its parts, every amount of a charge is what it was, and each dimension and price is the same."""
    whole, parts = rows_of(ask("/export", **WEEK)), rows_of(ask("/export", **WEEK, allocated_by="team"))
    assert len(parts) > len(whole) > 20
    amounts = {name for row in whole for name, cell in row.items() if isinstance(cell, Decimal)}
    amounts = {name for name in amounts if not name.endswith("UnitPrice")}

    def summed(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Decimal]]:
        found = defaultdict[str, dict[str, Decimal]](lambda: dict.fromkeys(amounts, Decimal()))
        for row in rows:
            same = {name: cell for name, cell in row.items() if name not in amounts | {*ALLOCATED}}
            for name in amounts:
                found[repr(sorted(same.items()))][name] += row[name] or 0
        return found

    assert summed(parts) == summed(whole)


DIMENSIONS = ("provider", "sub_account", "api_key", "service", "region", "model", "tag:team", "tag:other")
TEXTS = ("openai", "gcp", "p-1", "p-2", "key_1", "gpt-6", "BigQuery", "search", "", "us-central1", "'); --", 'a"b\\c')
CONDITIONS = st.one_of(
    st.fixed_dictionaries(
        {"dimension": st.sampled_from(DIMENSIONS), "one_of": st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)}
    ),
    st.fixed_dictionaries(
        {"dimension": st.sampled_from(DIMENSIONS), "starts_with": st.sampled_from(["p", "gpt", "Big", "k", "%", "_"])}
    ),
)


@st.composite
def shares_of_one(draw: st.DrawFn) -> list[dict[str, str]]:
    """Shares that are 1 together, with up to nine decimals."""
    bounds = sorted(draw(st.sets(st.integers(1, 10**9 - 1), max_size=5)))
    steps = [upto - since for since, upto in zip([0, *bounds], [*bounds, 10**9], strict=True)]
    return [{"value": f"v{number}", "share": f"{Decimal(step).scaleb(-9):f}"} for number, step in enumerate(steps)]


RULES = st.builds(
    lambda when, outcome: {"when": when, **outcome},
    st.lists(CONDITIONS, max_size=3),
    st.one_of(
        st.fixed_dictionaries({"value": st.sampled_from(["v0", "a", "'--", "ü"])}),
        st.fixed_dictionaries({"shares": shares_of_one()}),
    ),
)


LISTS_OF_RULES = st.lists(RULES, min_size=1, max_size=8)


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rules_of_each=st.lists(LISTS_OF_RULES, min_size=1, max_size=2))
def test_any_rules(
    session_cloud: Local, labelled_org: OnboardedOrg, found: list[Charge], rules_of_each: list[list[Any]]
) -> None:
    """Whatever the rules of one or two labels are, the sums are those of the loop, and together those of the charges.

    A second label shares out the parts that the first one makes, so those of the first alone are sums of theirs.
    """
    labels = [{"name": name, "rules": rules} for name, rules in zip(("first", "second"), rules_of_each, strict=False)]
    names = [f"label:{label['name']}" for label in labels]
    question = Question(
        Days(FIRST, LAST),
        Granularity.WHOLE,
        group_by=tuple(Dimension(name) for name in names),
        limit=100,
        known_labels=labels_of(json.dumps(labels)),
    )
    query, values = statement_of_groups(question)
    warehouse = open_warehouse(session_cloud.settings)
    rows, _ = warehouse.measured(query, labelled_org.org_slug, 10**9, **values)
    answer = answer_of(question, rows, LAST)
    told = {
        (sums.currency, tuple(group.key[name] for name in names)): group.total
        for sums in answer.sums
        for group in sums.groups
    }
    parts: list[tuple[tuple[Any, ...], Charge]] = [((), charge) for charge in found]
    for label in labels:
        parts = [((*values, value), end) for values, part in parts for value, end in labelled([part], label)]
    assert told == sums_by(parts)
    of_first: dict[Any, Decimal] = defaultdict(Decimal)
    for (currency, (value, *_)), amount in told.items():
        of_first[currency, value] += amount
    assert of_first == sums_by(labelled(found, labels[0]))
    whole = sums_by((None, charge) for charge in found)
    assert {(sums.currency, None): sums.total for sums in answer.sums} == whole


@given(amount=st.decimals(-(10**20), 10**20, places=9), shares=shares_of_one())
@settings(deadline=None)
def test_parts_are_the_amount_and_none_has_another_sign(amount: Decimal, shares: list[dict[str, str]]) -> None:
    """Of the bounds that rules give, each rounded once: parts add up, and are what is shared but for a billionth."""
    (label,) = labels_of(json.dumps([{"name": "any", "rules": [{"shares": shares}]}]))
    with localcontext(prec=100, rounding=ROUND_HALF_UP):
        parts = [
            ((amount * upto).quantize(UNIT) - (amount * since).quantize(UNIT), amount * (upto - since))
            for _, since, upto in label.rules[0].parts
        ]
        assert sum(part for part, _ in parts) == amount
        assert all(part == 0 or part.is_signed() == amount.is_signed() for part, _ in parts)
        assert all(abs(part - exact) <= UNIT for part, exact in parts)


def large(values: int) -> dict[str, Any]:
    """A label with as many rules as there may be, the last of which alone holds."""
    rule = {"when": [{"dimension": "sub_account", "one_of": [f"nobody {number}" for number in range(values)]}]}
    return {"name": "large", "rules": [{**rule, "value": f"v{number}"} for number in range(99)] + [{"value": "all"}]}


def test_as_many_rules_as_there_may_be(ask: Get, put: Callable[..., Any], found: list[Charge]) -> None:
    """100 rules are one query, and its last rule is reached."""
    assert put(large(1)).status_code == 200
    told = told_by(ask(**OCTOBER, group_by="label:large"), "label:large")
    october = [charge for charge in found if charge.day.month == 10]
    assert told == sums_by(("all", charge) for charge in october)


def test_an_unchanged_answer_reads_no_labels(
    local: Local, labelled_org: OnboardedOrg, put: Callable[..., Any], watched_api: FlaskClient, door: Watched
) -> None:
    """One query for the labels and one for the costs; the repetition takes none, by memory or 304."""
    put(TEAM)
    key = {"X-API-Key": labelled_org.api_key}
    watched_api.get(f"/api/v1/organizations/{labelled_org.org_slug}/api-key", headers=key)
    path = f"/api/v1/costs/{labelled_org.org_slug}?group_by=label:team"
    door.asked()
    first = watched_api.get(path, headers=key)
    assert door.asked() == [2, STATES]
    assert watched_api.get(path, headers=key).data == first.data
    assert door.asked() == [0, 0]
    local.clock.advance(seconds=6)
    unchanged = watched_api.get(path, headers={**key, "If-None-Match": first.headers["ETag"]})
    assert (unchanged.status_code, door.asked()) == (304, [0, STATES])
    put(ENV)
    local.clock.advance(seconds=6)
    assert watched_api.get(path, headers=key).get_json()["code"] == "label_unknown"
    assert door.asked()[0] == 1
