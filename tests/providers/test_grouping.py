"""Whatever way a dimension is refused, the costs are read without it, all of them, and the loss is told."""

from collections.abc import Collection
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.errors import Stop
from providers.notes import ReadAgain
from providers.openai.reports import COST_GROUPS, GROUPS
from tests.conftest import fixture
from tests.providers.test_pitfalls import groups
from tests.providers.vendor import Vendor, costs, fixture_pages, reported, table_rows

ERRORS = fixture("openai_errors.json")


def openai_error(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def minding(dimensions: Collection[str], body: Any, status: int = 400) -> Vendor:
    """A vendor that answers so to every question that groups by one of these."""

    def refuse(_path: str, query: httpx.QueryParams) -> httpx.Response | None:
        asked = {*query.get_list("group_by"), *query.get_list("group_by[]")}
        return httpx.Response(status, json=body) if asked & set(dimensions) else None

    pages = {
        "costs": [costs("1.5", line_item="gpt-5.4, input")],
        "usage/completions": [costs()],
        "cost_report": fixture_pages("anthropic_cost_report_page1"),
        "usage_report/messages": [reported({"uncached_input_tokens": 1})],
        "analytics/cost": fixture_pages("anthropic_analytics_cost_page1"),
        "analytics/usage": fixture_pages("anthropic_analytics_usage"),
    }
    return Vendor(pages, refuse=refuse)


OPENAIS = {
    "documented": ERRORS["400_group_by_api_key_before_floor"]["body"],
    "no words for programs": ERRORS["400_group_by_without_words_for_programs"]["body"],
    "param only": ERRORS["400_group_by_param_only"]["body"],
    "by its place": ERRORS["400_group_by_by_place"]["body"],
    "start_time alone": openai_error("Not available for this date.", "start_time", "invalid_request_error"),
    "param as a path": openai_error("Bad value.", "group_by.api_source"),
    "param is the name": openai_error("Bad value.", "api_source"),
    "code alone": openai_error("Bad value.", None, "unsupported_group_by"),
    "a text": {"error": "Invalid group_by."},
    "no word": {"error": {"message": ""}},
    "nobody's": {},
    "detail": {"detail": [{"loc": ["query", "group_by", 3], "msg": "Input should be 'project_id' or 'line_item'"}]},
}


@pytest.mark.parametrize("minded", [("api_source",), ("api_key_id",), ("api_key_id", "api_source")])
@pytest.mark.parametrize("body", OPENAIS.values(), ids=OPENAIS.keys())
def test_openais_costs_are_read_without_a_refused_dimension(body: Any, minded: tuple[str, ...]) -> None:
    """Each form of the refusal, whether one dimension is minded or two, leaves project and line item."""
    vendor = minding(minded, body)
    (row,) = table_rows(vendor.openai(), "costs")
    asked = groups(vendor.asked[-1][1])
    assert {"project_id", "line_item"} <= set(asked)
    assert not set(minded) & set(asked)
    assert (row["line_item"], len(vendor.said), len(vendor.asked) <= 8) == ("gpt-5.4, input", 1, True)
    assert all(group in vendor.said[0] for group in minded)


@pytest.mark.parametrize("group", COST_GROUPS)
def test_any_dimension_may_be_refused(group: str) -> None:
    """Not only the young ones: by trying, exactly the one that is minded is left out."""
    vendor = minding([group], openai_error("Bad request."))
    assert len(table_rows(vendor.openai(), "costs")) == 1
    assert groups(vendor.asked[-1][1]) == [each for each in COST_GROUPS if each != group]


def test_usage_reports_too() -> None:
    """A dimension that one usage report minds is left out of it."""
    vendor = minding(["service_tier"], openai_error("Unsupported dimension service_tier.", "group_by"))
    table_rows(vendor.openai(), "completions")
    assert groups(vendor.asked[-1][1]) == [group for group in GROUPS["completions"] if group != "service_tier"]


ANTHROPICS = {
    "named": "group_by.{}: Input should be one of 'a', 'b'",
    "in words": "Grouping by {} is not available for this organization.",
    "too many": "Cannot specify more than 4 group_by[] dimensions.",
    "no word": "Invalid request.",
}


@pytest.mark.parametrize("text", ANTHROPICS.values(), ids=ANTHROPICS.keys())
@pytest.mark.parametrize(
    ("generation", "report", "minded"),
    [
        ("reports", "cost", "description"),
        ("reports", "cost", "workspace_id"),
        ("reports", "messages", "context_window"),
        ("analytics", "cost", "service_tier"),
        ("analytics", "messages", "api_key_id"),
    ],
)
def test_anthropics_reports_are_read_without_it(generation: str, report: str, minded: str, text: str) -> None:
    """Both generations, whose errors have no `param`."""
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": text.format(minded)}}
    vendor = minding([minded], body)
    assert table_rows(vendor.anthropic(generation=generation), report)
    assert minded not in groups(vendor.asked[-1][1])
    assert (len(vendor.said), minded in vendor.said[0]) == (1, True)


def test_the_next_run_asks_for_it_again() -> None:
    """What is refused today may be there tomorrow: every run begins with all dimensions."""
    vendor = minding(["api_source"], OPENAIS["param only"])
    for _ in range(2):
        table_rows(vendor.openai(), "costs")
    assert [groups(query) == list(COST_GROUPS) for _, query in vendor.asked] == [True, False] * 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai_error("Invalid limit provided: 366.", "limit", "invalid_request_error")),
        (400, openai_error("Invalid bucket_width.", None)),
        (400, openai_error("Bad value.", "bucket_width")),
        (404, openai_error("Invalid URL")),
    ],
)
def test_a_refusal_about_something_else_is_no_reason_to_try(status: int, body: Any) -> None:
    """Another parameter or status is told at once, with OpenAI's words."""
    vendor = minding(COST_GROUPS, body, status)
    with pytest.raises(Stop, match=body["error"]["message"][:10]):
        table_rows(vendor.openai(), "costs")
    assert (len(vendor.asked), vendor.said) == (1, [])


def test_a_later_page_that_refuses_a_dimension() -> None:
    """A cursor goes with its query: rows that were given out are forgotten, and the next reading leaves it out."""

    def refuse(_path: str, query: httpx.QueryParams) -> httpx.Response | None:
        minded = "page" in query and "api_source" in query.get_list("group_by")
        return httpx.Response(400, json=OPENAIS["param only"]) if minded else None

    vendor = Vendor({"costs": [costs("1"), costs("2")]}, refuse=refuse)
    reports = vendor.openai()
    with pytest.raises(ReadAgain):
        table_rows(reports, "costs")
    assert [row["amount"] for row in table_rows(reports, "costs")] == [1, 2]
    assert len(vendor.said) == 1
    assert "api_source" not in groups(vendor.asked[-1][1])


def test_a_later_page_that_refuses_something_else() -> None:
    """An expired cursor says nothing of dimensions: the report ends with it."""
    later = httpx.Response(400, json=openai_error("Expired."))
    with pytest.raises(Stop, match="Expired"):
        table_rows(Vendor({"costs": [costs("1"), later]}).openai(), "costs")


@pytest.mark.parametrize("status", [403, 404])
def test_other_statuses_that_mind_a_dimension(status: int) -> None:
    """A 403 or 404 whose param is group_by is about the dimension, and believed at once."""
    vendor = minding(["api_source"], openai_error("api_source is not enabled here.", "group_by"), status)
    assert len(table_rows(vendor.openai(), "costs")) == 1
    assert len(vendor.asked) == 2


@given(minded=st.sets(st.sampled_from(GROUPS["completions"]), min_size=1), form=st.sampled_from(list(OPENAIS)))
def test_an_accepted_choice_is_found_within_twenty_questions(minded: set[str], form: str) -> None:
    """Whichever dimensions are minded and whatever is said of them, the report is read, at worst without any."""
    vendor = minding(minded, OPENAIS[form])
    assert table_rows(vendor.openai(), "completions") == []
    assert not set(groups(vendor.asked[-1][1])) & minded
    assert len(vendor.asked) <= 20
