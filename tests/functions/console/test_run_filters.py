"""Filters of the list of runs: what they let through, turned round too, and which of them hides everything."""

import itertools
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudact.pipelines.registry import load_registry
from cloudact.runs.run import Status, TriggerType
from cloudact.settings import ROOT
from functions.console.rows import Facet
from functions.console.run_filters import TRIGGERS, RunFilters
from functions.runs.run_pages import Filters
from providers import PROVIDERS

REGISTRY = load_registry(ROOT / "configs", PROVIDERS)
PIPELINES = [entry.id for entry in REGISTRY.entries]
EVERY = [
    Facet(*each, 1)
    for each in itertools.product(PIPELINES, [*Status], [*TriggerType], [True, False], [True, False])
]  # fmt: skip
texts = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([sign + each for sign in ("", "-") for each in Status]),
        "pipeline": st.sampled_from([sign + each for sign in ("", "-") for each in PIPELINES]),
        "trigger": st.sampled_from([sign + each for sign in ("", "-") for each in TRIGGERS]),
        "from": st.just("2026-11-01"),
        "date": st.just("2026-11-10"),
    },
)


def read(**args: str) -> RunFilters:
    return RunFilters.read(args, REGISTRY)


def test_a_filter_becomes_that_of_the_list() -> None:
    """Words of the address become filters of the API's list; `-` is all others."""
    filters = read(status="-SUCCESS", pipeline="-gcp_billing", trigger="-scheduled", to="2026-11-10", date="")
    others = tuple(each for each in Status if each is not Status.SUCCESS)
    triggers = ("api", "user", "backfill", "retry")
    assert filters.of_list() == Filters(None, date(2026, 11, 10), others, None, None, "gcp_billing", triggers)
    assert filters.query() == "?status=-SUCCESS&pipeline=-gcp_billing&trigger=-scheduled&to=2026-11-10"
    assert filters.query(status="", after="c") == "?pipeline=-gcp_billing&trigger=-scheduled&to=2026-11-10&after=c"


@settings(max_examples=20)
@given(texts)
def test_a_filter_and_its_opposite_share_nothing(args: dict[str, str]) -> None:
    """Turned round, a filter lets through exactly what it hid, whatever the others are."""
    for name in {"status", "pipeline", "trigger"} & args.keys():
        opposite = args[name].removeprefix("-") if args[name].startswith("-") else f"-{args[name]}"
        one, other, none = read(**args), read(**args | {name: opposite}), read(**args).without(name)
        for facet in EVERY:
            assert (one.lets_through(facet) or other.lets_through(facet)) == none.lets_through(facet)
            assert not (one.lets_through(facet) and other.lets_through(facet))


@given(texts, st.lists(st.sampled_from(EVERY), max_size=4))
def test_the_filter_that_hides_everything_is_named(args: dict[str, str], facets: list[Facet]) -> None:
    """A filter is named where the list without it would have something; of an empty ledger none is."""
    filters = read(**args)
    for name in filters.hiding(facets):
        assert any(filters.without(name).lets_through(facet) for facet in facets)
    assert filters.hiding([]) == []


@pytest.mark.parametrize("text", ["-", ""])
def test_an_empty_filter_is_none(text: str) -> None:
    """A form sends every field, those that were left alone too."""
    assert not read(status=text, pipeline="", trigger="").any


def test_filters_have_words() -> None:
    """Whoever reads that a filter hides everything recognises it."""
    filters = read(status="-FAILED", trigger="scheduled", pipeline="-gcp_billing")
    assert [filters.words_of(name) for name in filters.texts] == ["not Failed", "not gcp_billing", "the service itself"]
