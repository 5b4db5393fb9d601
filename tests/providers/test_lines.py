"""A vendor's line becomes our values, digit by digit, or an error that names the field and shows nothing of it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.errors import Stop
from providers.exact_json import exact_json, read_json
from providers.lines import Line, exact_sum, from_cents, numeric
from tests.providers.vendor import Vendor, costs, table_rows

AMOUNTS = st.decimals(min_value=-(10**15), max_value=10**15, allow_nan=False, allow_infinity=False, places=12)


def line(**fields: Any) -> Line:
    return Line(fields, "Vendor report")


@given(amount=AMOUNTS)
def test_an_amount_is_the_same_as_number_and_as_string(amount: Decimal) -> None:
    """A JSON number and a JSON string of the same digits, with or without exponent, are the same exact amount."""
    forms = [f"{amount}", f'"{amount}"', f"{amount:E}", f'"{amount:E}"']
    read = {Line(read_json(f'{{"value": {form}}}'.encode()), "x").money("value") for form in forms}
    assert read == {amount}


@pytest.mark.parametrize(
    "value", ["", "abc", "NaN", "Infinity", "1e999999999", True, [], {}, "1" + "0" * 24, "1_000", " 5", "٣", None]
)
def test_what_is_no_amount_is_refused(value: Any) -> None:
    """A text, a number that NUMERIC cannot hold, a flag or nothing raises at once, without exhausting memory."""
    with pytest.raises(Stop, match="Vendor report: value is not an amount"):
        line(value=value).money("value")


@pytest.mark.parametrize("value", [1.5, "7", True, Decimal("0.5"), 10**15 + 1, Decimal("1E+400")])
def test_what_is_no_count_is_refused(value: Any) -> None:
    """Fractions, texts, flags and numbers beyond reason are not silently rounded or dropped."""
    with pytest.raises(Stop, match="tokens is not a whole number"):
        line(tokens=value).count("tokens")


def test_a_whole_number_may_come_with_an_exponent() -> None:
    """5E+3 and 5000.0 are five thousand; null and absent are nothing."""
    found = [line(n=Decimal(text)).count("n") for text in ("5E+3", "5000.0")]
    assert (found, line(n=None).count("n"), line().count("n")) == ([5000, 5000], None, None)


@given(value=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | AMOUNTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_json_keeps_every_digit(value: Any) -> None:
    """What is kept as JSON text reads back as the same value, its numbers digit by digit."""
    assert json.loads(exact_json(value), parse_float=Decimal) == value


@pytest.mark.parametrize("literal", ["7.4856e-05", "1.50", "1E5", "0.0000000005", "-0.0", "12", "-0.10E+2"])
def test_a_number_is_written_as_it_was_spelled(literal: str) -> None:
    """What a vendor writes as 7.4856e-05 is kept so, and not as another spelling of the same number."""
    told = Line(read_json(f'{{"amount":{{"value":{literal}}}}}'.encode()), "x")
    assert told.as_json() == f'{{"amount":{{"value":{literal}}}}}'
    assert told.part("amount").money("value") == Decimal(literal)


@given(amounts=st.lists(AMOUNTS, max_size=30))
def test_sums_keep_every_digit(amounts: list[Decimal]) -> None:
    """A sum is exact, however many digits it has."""
    assert exact_sum(*amounts) == Decimal(sum(int(amount.scaleb(12)) for amount in amounts)).scaleb(-12)


def test_numeric_rounds_as_bigquery() -> None:
    """Nine decimals, halves away from zero; cents become the main unit without rounding."""
    halves = [numeric(Decimal(text)) for text in ("0.0000000005", "-0.0000000005", "0.0000000004")]
    assert halves == [Decimal("1e-9"), Decimal("-1e-9"), Decimal(0)]
    assert from_cents(Decimal("12345678901234567890123456789.012")) == Decimal("123456789012345678901234567.89012")


def test_personal_data_is_not_kept() -> None:
    """Fields that name a person are dropped at every depth, and e-mail addresses and keys in texts are blanked."""
    told = line(
        user_email="dev@example.com",
        userName="Dev",
        new={"owner_email": "a@b.co", "note": f"ask dev@example.com about sk-admin-{'aB3_' * 12}"},
    )
    assert told.unknown({"known"}) == {"new": {"note": "ask [e-mail] about [key]"}}
    assert "example.com" not in told.as_json()


@pytest.mark.parametrize("key", ["user", "actor", "created_by_user"])
def test_names_of_people_and_addresses_in_names_are_dropped(key: str) -> None:
    """A person's own name goes, a thing's name stays; an address used as a field's name is blanked."""
    told = line(**{key: {"id": "u1", "name": "Jane"}, "tool": {"name": "edit"}, "jane@corp.com": 3})
    assert told.unknown(()) == {key: {"id": "u1"}, "tool": {"name": "edit"}, "[e-mail]": 3}
    assert line(api_key_name="jane@corp.com").text("api_key_name") == "[e-mail]"


def test_what_cannot_be_stored_is_refused_or_mended() -> None:
    """Endless nesting is an error that names the field; half a character becomes a question mark."""
    deep: Any = []
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(Stop, match="new is not of a sensible depth"):
        line(new=deep).unknown(())
    assert line(model="a\ud800").text("model") == "a?"


def test_an_error_shows_the_field_and_not_its_value() -> None:
    """The message names report and field; what the provider sent there may be anything, so it stays out."""
    with pytest.raises(Stop) as caught:
        line(currency="sk-admin-secret").currency()
    assert "sk-admin" not in str(vars(caught.value))


def test_a_number_where_an_id_is_expected() -> None:
    """A whole number is taken as its text; another odd value is told and empty, and stays in the line as it came."""
    told: list[str] = []
    odd = Line({"project_id": 17, "unit": [5], "flag": True}, "x", lambda _, name: told.append(name))
    assert [odd.text(name) for name in ("project_id", "unit", "flag")] == ["17", None, None]
    assert (told, json.loads(odd.as_json())["unit"]) == (["unit", "flag"], [5])
    with pytest.raises(Stop, match="currency is not a currency"):
        Line({"currency": 5}, "x", lambda _, name: told.append(name)).currency()


def test_money_with_odd_names_is_loaded() -> None:
    """Costs whose unit is no text keep their amount, and each odd field is told once."""
    vendor = Vendor({"costs": [costs(2, 3, quantity_unit={"a": 1}, project_id=17)]})
    rows = table_rows(vendor.openai(), "costs")
    assert [(row["amount"], row["project_id"], row["quantity_unit"]) for row in rows] == [
        (2, "17", None),
        (3, "17", None),
    ]
    assert vendor.said == ["OpenAI costs: quantity_unit is not a text in some rows, and was left empty there."]
