"""Each trap that others have fallen into with these APIs, by its number in the collected facts."""

from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cloudact.errors import Retry, Stop
from providers.anthropic.reports import ANALYTICS_COST_GROUPS, COST_GROUPS, USAGE_GROUPS, AnthropicReports
from providers.openai.reports import GROUPS
from providers.source import NotOffered
from tests.conftest import FIXTURE_DAY, fixture
from tests.providers.vendor import EMPTY, Vendor, costs, fixture_pages, raw, reported, table_rows

ANTHROPIC_COSTS = fixture_pages("anthropic_cost_report_page1", "anthropic_cost_report_page2")
OPENAI_COSTS = fixture_pages("openai_costs_page1", "openai_costs_page2")


def anthropic_costs() -> Vendor:
    return Vendor({"cost_report": ANTHROPIC_COSTS})


def openai_costs(*pages: Any) -> Vendor:
    return Vendor({"costs": list(pages)})


def groups(query: list[tuple[str, str]]) -> list[str]:
    """What a request groups by."""
    return [value for name, value in query if name in ("group_by", "group_by[]")]


def test_pitfall_01_anthropic_cents_are_not_dollars() -> None:
    """An amount of "1134.3390" is 11.34339 US dollars, in the rows, in the total and in estimates."""
    rows = table_rows(anthropic_costs().anthropic(), "cost")
    assert (rows[0]["amount"], rows[0]["currency"]) == (Decimal("11.34339"), "USD")
    assert sum(row["amount"] for row in rows) == Decimal("36.794281")
    ungrouped = Vendor({"cost_report": fixture_pages("anthropic_cost_report_ungrouped")}).anthropic().total()
    assert ungrouped == {"USD": Decimal("36.794281")}
    record = fixture("anthropic_usage_report_claude_code.json")
    activity = table_rows(Vendor({"usage_report/claude_code": [record]}).anthropic(), "claude_code")
    assert activity[0]["estimated_cost"] == Decimal("10.25")


def test_pitfall_02_openai_amounts_are_numbers_or_strings() -> None:
    """Numbers, strings and E-notation are exact amounts; none is skipped or read as zero."""
    rows = table_rows(openai_costs(costs(12.5, "12.50", "1.3E-7", "0E-18", 3)).openai(), "costs")
    assert [row["amount"] for row in rows] == [Decimal(t) for t in ("12.5", "12.5", "0.00000013", "0", "3")]
    strings = table_rows(openai_costs(*fixture_pages("openai_costs_string_amounts")).openai(), "costs")
    assert sum(row["amount"] for row in strings) == Decimal("12.50343763")
    assert raw(strings[0])["amount"]["value"] == "12.503437500000000000"


def test_pitfall_03_every_page_is_read() -> None:
    """All pages count, in OpenAI's and Anthropic's reports; a page that fails leaves nothing that looks whole."""
    assert len(table_rows(openai_costs(*OPENAI_COSTS).openai(), "costs")) == 9
    assert len(table_rows(anthropic_costs().anthropic(), "cost")) == 10
    with pytest.raises(Stop):
        table_rows(openai_costs(OPENAI_COSTS[0], httpx.Response(418)).openai(), "costs")


@pytest.mark.parametrize("cursor", [None, "", "1"])
def test_pitfall_04_more_without_a_new_cursor_is_an_error(cursor: str | None) -> None:
    """has_more with a null, empty or repeated next_page raises; the rows so far are not the day."""
    page = OPENAI_COSTS[0] | {"has_more": True, "next_page": cursor}
    pages = [httpx.Response(200, json=page), httpx.Response(200, json=page)]
    with pytest.raises(Retry, match="OpenAI"):
        table_rows(openai_costs(*pages).openai(), "costs")


def test_pitfall_05_a_cursor_goes_with_its_query() -> None:
    """Every page is asked for with exactly the query of the first; both bounds of the day are fixed in it."""
    vendor = openai_costs(*OPENAI_COSTS)
    table_rows(vendor.openai(), "costs")
    (_, first), (_, second) = vendor.asked
    assert second == [*first, ("page", "1")]
    assert {("start_time", "1794268800"), ("end_time", "1794355200")} <= set(first)


def test_pitfall_06_anthropic_takes_five_dimensions() -> None:
    """No question groups by more than five; cost_type and token_type of the analytics do not count."""
    vendor = Vendor({})
    for generation in ("reports", "analytics"):
        for report in ("messages", "cost"):
            table_rows(vendor.anthropic(generation=generation), report)
    asked = [set(groups(query)) - {"cost_type", "token_type"} for _, query in vendor.asked]
    assert max(map(len, asked)) == len(USAGE_GROUPS) == 5
    assert set(ANALYTICS_COST_GROUPS) - {"cost_type", "token_type"} == set(USAGE_GROUPS)


def before_the_floor(_path: str, query: httpx.QueryParams) -> httpx.Response | None:
    """OpenAI's refusal of costs by API key."""
    error = fixture("openai_errors.json")["400_group_by_api_key_before_floor"]
    return httpx.Response(400, json=error["body"]) if "api_key_id" in query.get_list("group_by") else None


def test_pitfall_07_costs_by_api_key_have_a_first_day() -> None:
    """Before 2025-12-06 costs are not asked for by key; where refused later, the rest is read, and it is said."""
    day = date(2025, 12, 5)
    early = Vendor({"costs": [EMPTY]}, refuse=before_the_floor)
    assert table_rows(early.openai(day), "costs") == []
    assert (len(early.asked), early.said) == (1, [])
    late = Vendor({"costs": OPENAI_COSTS}, refuse=before_the_floor)
    assert len(table_rows(late.openai(), "costs")) == 9
    assert [groups(query) for _, query in late.asked][-1] == ["project_id", "line_item", "api_source"]
    assert any("api_key_id" in text for text in late.said)
    other = Vendor({}, refuse=lambda *_: httpx.Response(400, json={"error": {"message": "No.", "code": "other"}}))
    with pytest.raises(Stop, match=r"It says: No\.$"):
        table_rows(other.openai(), "costs")
    assert (len(other.asked), other.said) == (8, [])  # without each, without two, three and all of them


def test_pitfall_08_each_endpoint_has_its_own_dimensions() -> None:
    """Each usage endpoint is grouped by all that it offers and nothing else: file search knows no model."""
    vendor = Vendor({})
    table_rows(vendor.openai(), *GROUPS)
    asked = {path.rpartition("/")[2]: groups(query) for path, query in vendor.asked}
    assert asked["file_search_calls"] == ["project_id", "user_id", "api_key_id", "vector_store_id"]
    assert asked["vector_stores"] == ["project_id"]
    assert asked["web_search_calls"][-2:] == ["context_level", "api_source"]
    assert len(asked) == 11


def test_pitfall_09_pages_are_small() -> None:
    """One bucket a page: no question combines a large limit with many dimensions."""
    vendor = Vendor({})
    table_rows(vendor.openai(), *GROUPS)
    table_rows(vendor.anthropic(), "messages")
    table_rows(vendor.anthropic(), "cost")
    assert {dict(query)["limit"] for _, query in vendor.asked} == {"1"}


def test_pitfall_10_cache_writes_are_nested() -> None:
    """Both kinds of cache writes are read from where they are, and are part of the input tokens."""
    pages = fixture_pages("anthropic_usage_report_messages_page1", "anthropic_usage_report_messages_page2")
    row = table_rows(Vendor({"usage_report/messages": pages}).anthropic(), "messages")[0]
    written = row["cache_creation_5m_input_tokens"], row["cache_creation_1h_input_tokens"]
    assert (written, row["input_tokens"]) == ((400_000, 120_000), 2_268_678 + 11_000_000 + 400_000 + 120_000)


def test_pitfall_11_null_dimensions_stay_null() -> None:
    """The default workspace and the Console's key are NULL, one row each, and not the text "None" or an empty one."""
    pages = fixture_pages("anthropic_usage_report_messages_page1")
    rows = table_rows(Vendor({"usage_report/messages": pages}).anthropic(), "messages")
    assert [row["workspace_id"] is None for row in rows] == [False, True, False]
    assert not any(value in ("None", "") for row in rows for value in row.values())


def test_pitfall_12_free_text_is_kept_as_it_is() -> None:
    """Line items with commas, pipes, quotes and other scripts are values and never parts of a key: no rows merge."""
    texts = ["a, input", "a", 'b|"c"', "b", "模型, 输出", "a, input"]
    pages = [costs("1", line_item=text, project_id="p|q") for text in texts]
    rows = table_rows(openai_costs(*pages).openai(), "costs")
    assert [row["line_item"] for row in rows] == texts
    assert {row["project_id"] for row in rows} == {"p|q"}


def test_pitfall_14_a_run_reads_its_own_day() -> None:
    """What is asked for depends on the run's date alone: no look-back that grows, no watermark that moves."""
    vendor = Vendor({})
    table_rows(vendor.openai(date(2026, 2, 28)), "costs")
    table_rows(vendor.anthropic(date(2024, 2, 29)), "cost")
    bounds = [query[:2] for _, query in vendor.asked]
    assert bounds[0] == [("start_time", "1772236800"), ("end_time", "1772323200")]
    assert bounds[1] == [("starting_at", "2024-02-29T00:00:00Z"), ("ending_at", "2024-03-01T00:00:00Z")]


def test_pitfall_15_a_window_that_is_too_recent_is_no_empty_day() -> None:
    """Anthropic's refusal of a day it has not closed is an error that says so, not a day without costs."""
    error = fixture("anthropic_errors.json")["400_no_complete_bucket"]
    refusal = httpx.Response(400, json=error["body"])
    vendor = Vendor({"cost_report": [refusal]})
    with pytest.raises(Stop, match="Anthropic has not closed the day 2026-11-10 yet") as caught:
        table_rows(vendor.anthropic(), "cost")
    assert (caught.value.code, caught.value.hint) == ("day_not_closed", "Start the run again in a few hours.")
    old = AnthropicReports(vendor.anthropic_api(), date(2024, 1, 1), vendor.notes, date(2026, 11, 11))
    with pytest.raises(Stop, match="ending date must be after starting date"):
        table_rows(old, "cost")


def test_pitfall_16_usage_and_costs_are_not_the_same() -> None:
    """Priority usage has no cost row and code execution no usage row; both are kept, neither is invented."""
    pages = fixture_pages("anthropic_usage_report_messages_page1", "anthropic_usage_report_messages_page2")
    usage = table_rows(Vendor({"usage_report/messages": pages}).anthropic(), "messages")
    cost = table_rows(anthropic_costs().anthropic(), "cost")
    assert "priority" in {row["service_tier"] for row in usage} - {row["service_tier"] for row in cost}
    code = [row for row in cost if row["cost_type"] == "code_execution"]
    assert [(row["model"], row["token_type"], row["amount"]) for row in code] == [(None, None, Decimal("0.05"))]


def test_pitfall_17_costs_by_api_key_come_from_the_analytics() -> None:
    """The cost report is never asked for keys; with the setting `analytics` each cost row has its key and list cost."""
    vendor = anthropic_costs()
    table_rows(vendor.anthropic(), "cost")
    assert groups(vendor.asked[0][1]) == list(COST_GROUPS)
    pages = fixture_pages("anthropic_analytics_cost_page1", "anthropic_analytics_cost_page2")
    rows = table_rows(Vendor({"analytics/cost": pages}).anthropic(generation="analytics"), "cost")
    assert "apikey_01Rj2N8SVvo6BePZj99NhmiT" in {row["api_key_id"] for row in rows}
    told = [row["cost"] for page in pages for row in page["data"]]
    assert sum(row["list_amount"] for row in rows) == sum(Decimal(cost["list_amount"]) for cost in told) / 100
    assert {row["data_refreshed_at"].isoformat() for row in rows} == {"2026-11-11T02:55:00+00:00"}


def test_pitfall_19_another_day_s_bucket_is_refused() -> None:
    """A bucket that is not the day's own, such as the still open one after it, is an error and never a second row."""
    moved = costs("1")
    moved["data"][0]["start_time"] += 86400
    with pytest.raises(Stop, match="start_time is not the day that was asked for"):
        table_rows(openai_costs(moved).openai(), "costs")
    tomorrow = reported({"amount": "1", "currency": "USD"}, day=date(2026, 11, 11))
    with pytest.raises(Stop, match="starting_at is not the day that was asked for"):
        table_rows(Vendor({"cost_report": [tomorrow]}).anthropic(FIXTURE_DAY), "cost")


def test_claude_code_of_another_day_is_refused() -> None:
    """A record of another day, or without one, ends the report, which is optional: none of its rows is loaded."""
    for other in ("2026-11-11T00:00:00Z", "2026-11-10T12:00:00Z", None):
        page = fixture("anthropic_usage_report_claude_code.json")
        page["data"][-1]["date"] = other
        vendor = Vendor({"usage_report/claude_code": [page]})
        with pytest.raises(NotOffered, match=r"data\[1\]: date is not the day that was asked for"):
            table_rows(vendor.anthropic(FIXTURE_DAY), "claude_code")


def test_pitfall_23_personal_data_is_dropped() -> None:
    """user_email of costs and the e-mail address of Claude Code users are in no row, raw line or extra field."""
    rows = table_rows(openai_costs(*fixture_pages("openai_costs_string_amounts")).openai(), "costs")
    vendor = Vendor({"usage_report/claude_code": fixture_pages("anthropic_usage_report_claude_code")})
    rows += table_rows(vendor.anthropic(), "claude_code")
    assert "example.com" not in repr(rows)
    assert {row["actor_type"] for row in rows if "actor_type" in row} == {"user_actor", "api_actor"}


def test_new_fields_are_kept_and_named_once() -> None:
    """Fields that we do not know are kept as JSON, digit by digit, and named once for the whole report."""
    results = [{"object": "x", "input_tokens": 1, "output_tokens": 2, "reasoning_tokens": 3.50} for _ in range(3)]
    page = {"data": [{"start_time": 1794268800, "results": results}]}
    vendor = Vendor({"usage/completions": [page]})
    rows = table_rows(vendor.openai(), "completions")
    assert [row["extra"] for row in rows] == ['{"reasoning_tokens":3.5}'] * 3
    assert vendor.notes.new_fields == {"completions.reasoning_tokens"}


def test_new_parts_of_known_fields_are_kept() -> None:
    """A new kind of cache write, or a new tool, inside a field that we know is kept and named."""
    line = {
        "uncached_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_7d_input_tokens": 999},
        "server_tool_use": {"web_fetch_requests": 7},
    }
    vendor = Vendor({"usage_report/messages": [reported(line)]})
    (row,) = table_rows(vendor.anthropic(), "messages")
    assert row["extra"] == '{"cache_creation.ephemeral_7d_input_tokens":999,"server_tool_use.web_fetch_requests":7}'
    assert len(vendor.notes.new_fields) == 2


def test_a_report_that_is_not_offered_everywhere() -> None:
    """The newest OpenAI endpoint may be missing: it is said, and the others count; a known one may not."""
    missing = httpx.Response(404, json={"error": {"message": "Unknown"}})
    vendor = Vendor({"usage/decisions": [missing]})
    assert table_rows(vendor.openai(), "decisions", "completions") == []
    assert vendor.said == ["OpenAI does not offer the report decisions to this organization."]
    with pytest.raises(Stop):
        table_rows(Vendor({"usage/completions": [missing]}).openai(), "completions")
