"""The company behind the demo is believable: weekdays, growth, a launch, one mistake, and bills that add up."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pytest

from localcloud.company import google_catalogue as catalogue
from localcloud.company.activity import Account
from localcloud.company.anthropic import anthropic_day
from localcloud.company.companies import COMPANIES
from localcloud.company.google import export_rows, net_cost
from localcloud.company.names import anthropic_names, openai_names
from localcloud.company.openai import openai_day
from localcloud.providers.anthropic.costs import costs_of
from localcloud.providers.facts import Fact
from localcloud.providers.openai.costs import costs_of_usage
from localcloud.providers.openai.reports import USAGE
from tests.conftest import fixture

SINCE = date(2026, 8, 31)
DAYS = [SINCE + timedelta(days=number) for number in range(90)]
ACME = Account("acmecorp", SINCE)
SEVERAL = [ACME, Account("globex_inc", SINCE), Account("acmecorp", date(2027, 2, 4))]


def ai_costs(account: Account, day: date) -> Decimal:
    """What OpenAI and Anthropic charge for the day, in US dollars."""
    openai = sum((fact.measures[0] for fact in costs_of_usage(lambda name: openai_day(account, day, name))), Decimal())
    seed = COMPANIES[account.company].seed
    cents = sum((fact.measures[1] for fact in costs_of(anthropic_day(account, day), seed, Decimal(1))), Decimal())
    return openai + cents / 100


def total(account: Account, day: date) -> Decimal:
    return net_cost(account, day) + ai_costs(account, day)


@pytest.fixture(scope="module")
def rows() -> dict[date, list[dict[str, Any]]]:
    return {day: list(export_rows(ACME, day, detailed=True)) for day in DAYS}


def usage(rows: dict[date, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    return (row for day in rows.values() for row in day if row["cost_type"] == "regular")


@pytest.mark.parametrize("account", SEVERAL, ids=str)
def test_weekends_are_quieter(account: Account) -> None:
    """A Saturday costs less than the weekdays around it, of Google and of the others, and never nothing."""
    for day in (account.since + timedelta(days=number) for number in range(90)):
        if day.weekday() == 5 and day - timedelta(days=3) not in account.mistake:
            google = net_cost(account, day) / net_cost(account, day - timedelta(days=2))
            assert Decimal("0.6") < google < Decimal("0.85")
            assert Decimal("0.3") < ai_costs(account, day) / ai_costs(account, day - timedelta(days=2)) < Decimal("0.8")


@pytest.mark.parametrize("account", SEVERAL, ids=str)
def test_it_grows_and_launches(account: Account) -> None:
    """The same weekday costs more each month, and AI steps up by a third or more with the launch in the middle."""
    days = [account.since + timedelta(days=number) for number in (1, 29, 57, 85)]
    assert sorted(days, key=lambda day: net_cost(account, day)) == days
    middle = account.since + timedelta(days=45)
    assert abs(account.launch - middle) <= timedelta(days=4)
    before, after = (ai_costs(account, account.launch + timedelta(days=offset)) for offset in (-7, 7))
    assert Decimal("1.3") < after / before < Decimal("1.8")


@pytest.mark.parametrize("account", SEVERAL, ids=str)
def test_ai_is_a_part_of_the_whole(account: Account) -> None:
    """OpenAI and Anthropic are a tenth to a quarter of each day."""
    shares = [ai_costs(account, day) / total(account, day) for day in (account.since + timedelta(n) for n in range(90))]
    assert Decimal("0.1") < min(shares)
    assert max(shares) < Decimal("0.25")


@pytest.mark.parametrize("account", SEVERAL, ids=str)
def test_one_mistake_is_planted(account: Account) -> None:
    """Both days of the mistake cost a third more than weekdays around them, and no other day stands out."""
    costs = {day: total(account, day) for day in (account.since + timedelta(days=number) for number in range(90))}
    standing_out = set()
    for day, cost in costs.items():
        usual = [
            costs[day + timedelta(days=7 * weeks)] for weeks in (-2, -1, 1, 2) if day + timedelta(7 * weeks) in costs
        ]
        if cost > Decimal("1.25") * median(usual):
            standing_out.add(day)
    assert standing_out == set(account.mistake)


def test_a_day_is_always_the_same(rows: dict[date, list[dict[str, Any]]]) -> None:
    """A day asked for twice is the same to the byte, and nothing was used before the first day."""
    for day in DAYS[::20]:
        again = json.dumps(list(export_rows(Account("acmecorp", SINCE), day, detailed=True)))
        assert again == json.dumps(rows[day])
        assert all(openai_day(ACME, day, name) == openai_day(Account("acmecorp", SINCE), day, name) for name in USAGE)
    before = SINCE - timedelta(days=1)
    assert [row["cost_type"] for row in export_rows(ACME, before, detailed=True)] == []
    assert not anthropic_day(ACME, before)
    assert not openai_day(ACME, before, "completions")


def test_rows_have_the_recorded_columns(rows: dict[date, list[dict[str, Any]]]) -> None:
    """A row has exactly the columns of Google's detailed export, and where it is delivered."""
    names = {field["name"] for field in fixture("gcp_billing_export_resource_v1.schema.json")} | {"_partition_date"}
    assert {frozenset(row) for day in rows.values() for row in day} == {frozenset(names)}


def test_rows_cost_what_was_used(rows: dict[date, list[dict[str, Any]]]) -> None:
    """The rows of a day add up to what amounts and prices give, to the ninth decimal."""
    for day in DAYS[::7]:
        told = sum(
            (
                round(Decimal(amount), 9)
                for row in rows[day]
                if row["cost_type"] != "tax"
                for amount in (row["cost"], *(credit["amount"] for credit in row["credits"]))
            ),
            Decimal(),
        )
        assert told == net_cost(ACME, day)


def test_units_belong_to_their_skus(rows: dict[date, list[dict[str, Any]]]) -> None:
    """A SKU has one service, unit and price; storage is counted in byte-seconds, machines in seconds."""
    known: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in usage(rows):
        told = row["usage"], row["price"]
        known[row["sku"]["id"]].add(
            (row["service"]["description"], row["sku"]["description"], told[0]["unit"], told[0]["pricing_unit"],
             told[1]["list_price"])
        )  # fmt: skip
        priced = Decimal(told[0]["amount_in_pricing_units"]) * Decimal(told[1]["effective_price"])
        assert round(priced, 9) == round(Decimal(row["cost"]), 9), row
    assert {len(each) for each in known.values()} == {1}
    units = {name: unit for ((_, name, unit, _, _),) in known.values()}
    assert {unit for name, unit in units.items() if "Ram" in name or "RAM" in name or "torage" in name} <= {
        "byte-seconds", "bytes",
    }  # fmt: skip
    assert {unit for name, unit in units.items() if "Core" in name or "vCPU" in name or "GPU" in name} == {"seconds"}


def test_resources_are_of_their_service(rows: dict[date, list[dict[str, Any]]]) -> None:
    """A resource is of the API of its service, in the row's project; what has none has no labels either."""
    for row in usage(rows):
        if row["resource"] is None:
            assert row["labels"] == []
            continue
        api = row["resource"]["global_name"].split("/")[2].removesuffix(".googleapis.com")
        service = row["service"]["description"].lower().replace(" ", "")
        assert api in {service.removesuffix("engine"), *CALLED.get(service, ())}
        assert f"projects/{row['project']['number']}/" in row["resource"]["global_name"]
        assert {label["key"] for label in row["labels"]} == {"team", "cost-center"}


CALLED = {
    "kubernetesengine": ("container",), "cloudsql": ("cloudsql",), "cloudstorage": ("storage",), "cloudrun": ("run",),
}  # fmt: skip


def test_commitments_tie(rows: dict[date, list[dict[str, Any]]]) -> None:
    """Each day the newer fee is offset by what its usage costs, and the older credits what is covered, no more."""
    for day in DAYS:
        of_commitment = [row for row in rows[day] if row["subscription"]]
        fees = [row for row in of_commitment if row["sku"]["description"] == catalogue.FLEX.sku]
        covered = [row for row in of_commitment if row["consumption_model"] == catalogue.FLEX_MODEL]
        (offset,) = (Decimal(credit["amount"]) for row in fees for credit in row["credits"])
        assert round(-offset, 9) == round(sum((Decimal(row["cost"]) for row in covered), Decimal()), 9)
        assert Decimal(fees[0]["cost"]) * Decimal("0.9") < -offset <= Decimal(fees[0]["cost"])
        for commitment, sku in ((catalogue.N2_CPU, "N2 Instance Core"), (catalogue.N2_RAM, "N2 Instance Ram")):
            (fee,) = (row for row in of_commitment if row["sku"]["description"] == commitment.sku)
            (used,) = (row for row in rows[day] if row["sku"]["description"].startswith(sku))
            (credit,) = used["credits"]
            price = Decimal(used["price"]["list_price"])
            assert round(-Decimal(credit["amount"]) / price, 6) == commitment.hours
            assert fee["usage"]["amount_in_pricing_units"] == float(commitment.hours)
            assert not fee["credits"]


def test_a_month_has_one_tax(rows: dict[date, list[dict[str, Any]]]) -> None:
    """The first of a month has the month's tax, of no project, exported after the month; other rows come in days."""
    taxes = [row for day in rows.values() for row in day if row["cost_type"] == "tax"]
    assert [row["usage_start_time"][:10] for row in taxes] == ["2026-09-01", "2026-10-01", "2026-11-01"]
    for row in taxes:
        assert row["project"] is None
        assert row["export_time"] > row["usage_end_time"]
    for row in usage(rows):
        exported = datetime.fromisoformat(row["export_time"][:-4]).replace(tzinfo=UTC)
        ended = datetime.fromisoformat(row["usage_end_time"][:-4]).replace(tzinfo=UTC)
        assert timedelta() < exported - ended < timedelta(days=5)
    october = sum((net_cost(ACME, date(2026, 10, day)) for day in range(1, 32)), Decimal())
    assert Decimal(str(taxes[1]["cost"])) == round(october * Decimal("0.0825"), 2)


def test_nothing_looks_hostile(rows: dict[date, list[dict[str, Any]]]) -> None:
    """No text has quotes, control characters, or letters that a terminal may lack, at any vendor."""
    facts: list[Fact] = [fact for day in DAYS[::9] for name in USAGE for fact in openai_day(ACME, day, name)]
    facts += [fact for day in DAYS[::9] for fact in anthropic_day(ACME, day)]
    texts = {text for fact in facts for text in fact.dims if isinstance(text, str)}
    texts |= {text for row in usage(rows) for text in _texts(row)}
    assert not [text for text in texts if not text.isascii() or not text.isprintable() or set(text) & set("\"'\\`|;<>")]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def test_what_is_used_has_a_name() -> None:
    """Every project, key, workspace and user of both vendors is among the names of the company."""
    openai, anthropic = openai_names("acmecorp"), anthropic_names("acmecorp")
    named = {each.id for kind in (openai.projects, openai.keys, openai.users) for each in kind.values()}
    used = {text for name in USAGE for fact in openai_day(ACME, SINCE, name) for text in fact.dims if _is_id(text)}
    assert used <= named
    named = {each.id for kind in (anthropic.workspaces, anthropic.keys, anthropic.users) for each in kind.values()}
    assert {text for fact in anthropic_day(ACME, SINCE) for text in fact.dims if _is_id(text)} <= named


def _is_id(text: object) -> bool:
    return isinstance(text, str) and text.startswith(("proj_", "key_", "user-", "user_", "apikey_", "wrkspc_"))
