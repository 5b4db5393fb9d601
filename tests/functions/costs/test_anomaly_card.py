"""The overview's unusual costs: what they are called, where they lead, and what has not been judged."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from cloudact.anomalies.anomaly import Anomaly, Kind
from cloudact.anomalies.cost_days import Window
from cloudact.anomalies.judgement import Direction, Judgement
from cloudact.anomalies.series import Layer, Series
from functions.console.anomaly_card import MOST_SHOWN, AnomalyRow, anomaly_card
from functions.costs.anomaly_answers import FoundAnomalies

WINDOW = Window.ending(date(2026, 11, 11), 30)
NAMES = {"openai": "OpenAI", "gcp": "Google Cloud", "anthropic": "Anthropic"}
KNOWN = {("openai", "sub_account", "proj_a"): "Search", ("openai", "api_key", "key_1"): "nightly job"}


def anomaly(layer: Layer, *key: str | None, kind: Kind = Kind.RISE, amount: str = "364.5") -> Anomaly:
    """An anomaly of two days that began on 5 November, where 40.50 were expected."""
    day = Judgement(Decimal(amount), Decimal("40.5"), Decimal(10), Direction.UP, is_first=False, seen=8)
    series = Series(layer, key, frozenset())
    found = Anomaly(kind, series, "USD", Direction.UP, date(2026, 11, 5), day, is_masked=False)
    found.add(date(2026, 11, 6), day)
    return found


def shown(*anomalies: Anomaly) -> list[AnomalyRow]:
    found = FoundAnomalies(WINDOW, anomalies, KNOWN, {"openai": date(2026, 11, 10)})
    return list(anomaly_card(found, {"openai", "gcp"}, NAMES).rows)


@pytest.mark.parametrize(
    ("layer", "key", "name", "context"),
    [
        (Layer.TOTAL, (), ("All costs", ""), ""),
        (Layer.PROVIDER, ("gcp",), ("Google Cloud", ""), ""),
        (Layer.SERVICE, ("gcp", "BigQuery"), ("BigQuery", ""), "service of Google Cloud"),
        (Layer.MODEL, ("openai", "OpenAI", "gpt-6"), ("gpt-6", ""), "model of OpenAI"),
        (Layer.SUB_ACCOUNT, ("openai", "proj_a"), ("Search", "proj_a"), "sub account of OpenAI"),
        (Layer.API_KEY, ("openai", "proj_a", "key_1"), ("nightly job", "key_1"), "API key of OpenAI, Search"),
        (Layer.API_KEY, ("openai", None, "key_2"), ("key_2", ""), "API key of OpenAI"),
    ],
)
def test_it_is_called_as_people_know_it(
    layer: Layer, key: tuple[str | None, ...], name: tuple[str, str], context: str
) -> None:
    """The narrowest part has its name, its id beside it, and in which provider it lies."""
    (row,) = shown(anomaly(layer, *key))
    assert (row.name.text, row.name.id) == name
    assert row.context == context
    assert (row.since, row.days, row.expected, row.amount) == ("5 Nov 2026", 2, "40.50", "364.50")
    assert (row.difference, row.currency) == ("+648.00", "USD")


def test_it_leads_to_the_costs_that_show_it() -> None:
    """The link filters by the very series, from two weeks before, in the metric that is judged."""
    of_key, of_all, unaskable = shown(
        anomaly(Layer.API_KEY, "openai", None, "key_1"),
        anomaly(Layer.TOTAL),
        anomaly(Layer.SERVICE, "gcp", "two\nlines"),
    )
    days = {"start": ["2026-10-22"], "end": ["2026-11-11"], "metric": ["contracted"]}
    filters = {"provider": ["openai"], "sub_account": [""], "api_key": ["key_1"]}
    assert parse_qs(of_key.query.removeprefix("?"), keep_blank_values=True) == days | filters
    assert parse_qs(of_all.query.removeprefix("?")) == days | {"group_by": ["provider"]}
    assert unaskable.query == ""


@pytest.mark.parametrize(
    ("kind", "words", "paint"),
    [
        (Kind.RISE, "Rose", "rise"),
        (Kind.FALL, "Fell", "fall"),
        (Kind.NEW_SERVICE, "New service", "rise"),
        (Kind.NEW_MODEL, "New model", "rise"),
        (Kind.SILENCE, "Silent", "fall"),
    ],
)
def test_every_kind_has_words(kind: Kind, words: str, paint: str) -> None:
    """What grew and what fell differ by words and colours."""
    (row,) = shown(anomaly(Layer.SERVICE, "gcp", "BigQuery", kind=kind))
    assert (row.words, row.kind) == (words, paint)


def test_what_has_no_room_is_counted() -> None:
    """The newest are shown, and how many there are beyond them."""
    found = FoundAnomalies(WINDOW, [anomaly(Layer.PROVIDER, "gcp")] * (MOST_SHOWN + 3), KNOWN, {})
    card = anomaly_card(found, {"gcp"}, NAMES)
    assert (len(card.rows), card.more) == (MOST_SHOWN, 3)


def test_what_is_not_judged_is_said() -> None:
    """Each provider has the day until which it is judged; one that has days, none of them settled, is named."""
    found = FoundAnomalies(WINDOW, [], {}, {"openai": date(2026, 11, 10), "gcp": date(2026, 11, 3)})
    card = anomaly_card(found, {"openai", "gcp", "anthropic"}, NAMES)
    assert card.judged == ["OpenAI until 10 Nov 2026", "Google Cloud until 3 Nov 2026"]
    assert (card.waiting, card.days) == (["Anthropic"], "13 Oct \u2013 11 Nov 2026")
