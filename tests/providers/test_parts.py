"""Anthropic's reports are read in parts by geography and speed: each row once, with both, or as a whole."""

import httpx
import pytest

from providers.anthropic.parts import WHOLE, PriceKind, parts_of
from providers.notes import ReadAgain
from tests.providers.vendor import Vendor, reported, table_rows

GLOBAL, US, FAST = (
    PriceKind(geo, speed) for geo, speed in (("global", "standard"), ("us", "standard"), ("us", "fast"))
)
SEARCH = PriceKind(None, None, "web_search")
MESSAGES = "usage_report/messages"


def of_tokens(kind: PriceKind) -> PriceKind:
    return kind._replace(cost_type="tokens")


def test_each_combination_is_a_part() -> None:
    """Several combinations are asked for one by one, by filters; a single one needs none."""
    assert [part.filters for part in parts_of([US, FAST, GLOBAL])] == [
        (("inference_geos[]", "global"), ("speeds[]", "standard")),
        (("inference_geos[]", "us"), ("speeds[]", "fast")),
        (("inference_geos[]", "us"), ("speeds[]", "standard")),
    ]
    (only,) = parts_of([FAST])
    assert (only.columns, only.filters) == ({"inference_geo": "us", "speed": "fast"}, ())
    assert parts_of([]) == [WHOLE]


def test_null_cannot_be_asked_for() -> None:
    """A dimension that some rows do not tell parts nothing; where rows tell neither, the report is read as a whole."""
    half = [PriceKind("us", None), PriceKind("global", "fast")]
    assert [part.filters for part in parts_of(half)] == [
        (("inference_geos[]", "global"),),
        (("inference_geos[]", "us"),),
    ]
    assert parts_of([US, PriceKind(None, None)]) == [WHOLE]


def test_costs_that_are_no_tokens_are_a_part_by_their_types() -> None:
    """Searches have neither geography nor speed: their type asks for them, unless tokens lack both as well."""
    found = parts_of([of_tokens(US), of_tokens(FAST), SEARCH])
    assert found[-1].filters == (("cost_types[]", "web_search"),)
    assert len(found) == 3
    assert parts_of([of_tokens(US), PriceKind(None, None, "tokens")]) == [WHOLE]


def by_filters(*objections: str) -> Vendor:
    """A vendor whose usage is fast in the US and standard everywhere; it minds questions with these parameters."""

    def answer(_path: str, query: httpx.QueryParams) -> httpx.Response | None:
        if minded := [name for name in objections if name in {*query, *query.get_list("group_by[]")}]:
            return httpx.Response(400, json={"error": {"type": "invalid_request_error", "message": f"No {minded[0]}."}})
        if "inference_geo" in query.get_list("group_by[]"):
            by = query.get_list("group_by[]")
            kinds = [{name: getattr(each, name) for name in by} for each in (GLOBAL, FAST)]
            return httpx.Response(200, json=reported(*kinds) | {"has_more": False})
        used = {"us": 5, "global": 6}.get(query.get("inference_geos[]"), 11)
        return httpx.Response(200, json=reported({"uncached_input_tokens": used}) | {"has_more": False})

    return Vendor({}, refuse=answer)


def told(vendor: Vendor) -> list[tuple[object, ...]]:
    rows = table_rows(vendor.anthropic(), "messages")
    return [(row.get("inference_geo"), row.get("speed"), row["uncached_input_tokens"]) for row in rows]


def test_rows_have_the_geography_and_speed_of_their_part() -> None:
    """One question tells what there is, one more is asked for each; every row says where and how fast."""
    vendor = by_filters()
    assert told(vendor) == [("global", "standard", 6), ("us", "fast", 5)]
    assert [name for name, _ in vendor.asked] == [MESSAGES] * 3
    assert vendor.said == []


def test_a_refused_speed_leaves_the_geography() -> None:
    """Where the beta of speed is not open to an organization, it is said, and geographies are still told apart."""
    vendor = by_filters("speed")
    assert told(vendor) == [("global", None, 6), ("us", None, 5)]
    assert [("speed" in text, "inference_geo, " in text) for text in vendor.said] == [(True, False)]


def test_a_refused_part_makes_the_next_reading_whole() -> None:
    """Where filters are refused, the report is read again as a whole, nothing is missing, and it is said once."""
    vendor = by_filters("speeds[]")
    reports = vendor.anthropic()
    ((_, rows),) = reports.rows(["messages"])
    with pytest.raises(ReadAgain):
        list(rows)
    assert [row["uncached_input_tokens"] for row in table_rows(reports, "messages")] == [11]
    assert len(vendor.said) == 1
    assert "Nothing is missing" in vendor.said[0]
