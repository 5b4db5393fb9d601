"""The stand-in for OpenAI: shapes, groups, pages and refusals as the vendor's."""

from decimal import Decimal
from typing import Any

import pytest

from localcloud.providers.openai.costs import openai_costs, openai_total
from localcloud.providers.openai.reports import COSTS, USAGE
from localcloud.providers.openai.results import cost_result, usage_result
from localcloud.providers.openai.usage import openai_usage
from tests.conftest import fixture
from tests.localcloud.providers.conftest import DAY, SECONDS, WINDOW, NewClient, canonical, documented

COSTS_PATH, COMPLETIONS = "/v1/organization/costs", "/v1/organization/usage/completions"
GROUPS = ["project_id", "line_item", "api_key_id", "api_source"]


def amounts(results: list[Any]) -> list[Decimal]:
    return [Decimal(result["amount"]["value"]) for result in results]


@pytest.mark.parametrize("report", USAGE)
def test_results_look_as_documented(openai: NewClient, report: str) -> None:
    """Envelope, bucket and the fields of a result are those of the fixture, for each of the eleven reports."""
    client = openai()
    page = client.page(f"/v1/organization/usage/{report}", **WINDOW, **{"group_by[]": USAGE[report].dims})
    expected = fixture(f"openai_usage_{report}.json")
    found, wanted = page["data"][0]["results"][0], expected["data"][0]["results"][0]
    assert found.keys() == wanted.keys()
    assert found["object"] == wanted["object"]
    assert page.keys() == expected.keys()
    assert {k: v for k, v in page["data"][0].items() if k != "results"} == {
        k: v for k, v in expected["data"][0].items() if k != "results"
    }


def test_costs_look_as_observed(openai: NewClient) -> None:
    """A cost has the fields of the fixture with string amounts, the undocumented e-mail among them."""
    found = openai().results(COSTS_PATH, **WINDOW, group_by=GROUPS)
    wanted = fixture("openai_costs_string_amounts.json")["data"][0]["results"][0]
    assert all(result.keys() == wanted.keys() and result["amount"]["currency"] == "usd" for result in found)
    values = [result["amount"]["value"] for result in found]
    assert {"0E-18"} <= {*values}
    assert any("E-" in value for value in values)
    assert any("." in value and "E" not in value for value in values)


def test_costs_have_the_awkward_rows(openai: NewClient) -> None:
    """There are a credit, rows without project, quantity or unit, and names with commas, pipes, quotes and umlauts."""
    results = openai().results(COSTS_PATH, **WINDOW, group_by=GROUPS)
    assert min(amounts(results)) < 0
    assert any(result["quantity"] is None for result in results)
    assert any(result["project_id"] is None for result in results)
    assert any(result["quantity_unit"] is None and result["quantity"] for result in results)
    names = "".join({result["line_item"] for result in results})
    assert all(character in names for character in ',|"éö支')


def test_amounts_may_be_numbers(openai: NewClient) -> None:
    """With `amounts: number` the same amounts come as JSON numbers, to the last digit."""
    strings, numbers = openai(), openai(amounts="number")
    told = numbers.results(COSTS_PATH, **WINDOW, group_by=GROUPS)
    assert not any(isinstance(result["amount"]["value"], str) for result in told)
    assert amounts(told) == amounts(strings.results(COSTS_PATH, **WINDOW, group_by=GROUPS))


@pytest.mark.parametrize("brackets", ["", "[]"])
def test_pages_give_each_row_once(openai: NewClient, brackets: str) -> None:
    """A bucket over many pages has exactly the rows of the pure function, however group_by is written."""
    client = openai(rows=300, page_results=67)
    report = USAGE["completions"]
    found = client.results(COMPLETIONS, **WINDOW, **{f"group_by{brackets}": report.dims})
    assert found == [usage_result(report, fact) for fact in openai_usage(7, DAY, "completions", 300)]


def test_pages_of_costs(openai: NewClient) -> None:
    """The pages of the costs have the pure function's rows too."""
    by = GROUPS
    found = openai(page_results=11, amounts="number").results(COSTS_PATH, **WINDOW, group_by=by)
    everything = openai_costs(7, DAY, 40)
    keyed = {(dims[0], *dims[2:]) for dims, _ in everything}
    assert len(found) == len(keyed)
    assert sum(amounts(found)) == openai_total(7, DAY, 40)
    unsplit = openai(page_results=100_000, amounts="number").results(COSTS_PATH, **WINDOW, group_by=by)
    assert canonical(found) == canonical(unsplit)
    assert cost_result(everything[0], COSTS.dims, "number", 0)["line_item"] in {row["line_item"] for row in found}


@pytest.mark.parametrize("by", [(), ("project_id",), ("line_item",), ("user_id",), tuple(GROUPS)])
def test_totals_are_exact(openai: NewClient, by: tuple[str, ...]) -> None:
    """However the costs are grouped, their sum is the ungrouped total to the last digit."""
    client = openai()
    assert sum(amounts(client.results(COSTS_PATH, **WINDOW, group_by=by))) == openai_total(7, DAY, 40)


def test_usage_adds_up(openai: NewClient) -> None:
    """Ungrouped usage is one result without dimensions, and equals the sum of the grouped."""
    client, report = openai(), USAGE["completions"]
    (total,) = client.results(COMPLETIONS, **WINDOW)
    grouped = client.results(COMPLETIONS, **WINDOW, group_by=["model", "batch"])
    assert all(total[dim] is None for dim in report.dims)
    for name in ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests"):
        assert total[name] == sum(result[name] for result in grouped)
    parts = ("input_uncached_tokens", "input_cached_tokens", "input_cache_write_tokens")
    assert total["input_tokens"] == sum(total[part] for part in parts)


def test_some_callers_are_unknown(openai: NewClient) -> None:
    """Dimensions may be null though grouped."""
    results = openai().results(COMPLETIONS, **WINDOW, group_by=["project_id", "user_id", "api_key_id", "service_tier"])
    for dim in ("project_id", "user_id", "api_key_id", "service_tier"):
        assert any(result[dim] is None for result in results), dim


def test_filters(openai: NewClient) -> None:
    """project_ids, api_key_ids, models and line_items leave only what was asked for."""
    client = openai()
    one = client.results(COMPLETIONS, **WINDOW, group_by=["project_id", "api_key_id", "model"])[-1]
    only = {"project_ids": one["project_id"], "api_key_ids[]": one["api_key_id"], "models": one["model"]}
    assert client.results(COMPLETIONS, **WINDOW, group_by=["project_id", "api_key_id", "model"], **only) == [one]
    found = client.results(COSTS_PATH, **WINDOW, group_by="line_item", line_items="gpt-5.4, output")
    assert [result["line_item"] for result in found] == ["gpt-5.4, output"]


def test_empty_days_are_buckets(openai: NewClient) -> None:
    """A day without usage, and one that has not come, is a bucket without results."""
    page = openai(rows=0).page(COSTS_PATH, **WINDOW)
    assert page == fixture("openai_costs_empty_bucket.json")
    future = {"start_time": SECONDS + 9 * 86400, "end_time": SECONDS + 10 * 86400}
    assert openai().page(COMPLETIONS, **future)["data"][0]["results"] == []


def test_a_page_holds_limit_buckets(openai: NewClient) -> None:
    """`limit` counts buckets; the following page goes on with the next day."""
    client = openai(page_results=1000)
    pages = list(client.pages(COSTS_PATH, start_time=SECONDS - 5 * 86400, end_time=SECONDS, limit=2))
    assert [len(page["data"]) for page in pages] == [2, 2, 1]
    starts = [bucket["start_time"] for page in pages for bucket in page["data"]]
    assert starts == [SECONDS - back * 86400 for back in range(5, 0, -1)]


def test_costs_cut_a_large_limit(openai: NewClient) -> None:
    """A limit of up to 180 is accepted for costs, 31 buckets come, and the cursor leads to the rest."""
    pages = list(openai(rows=0).pages(COSTS_PATH, start_time=SECONDS - 40 * 86400, end_time=SECONDS, limit=100))
    assert [len(page["data"]) for page in pages] == [31, 9]


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        (COMPLETIONS, {"limit": 366}, "400_usage_limit_too_high"),
        (COSTS_PATH, {"start_time": 1764979199, "group_by": "api_key_id"}, "400_group_by_api_key_before_floor"),
    ],
)
def test_documented_refusals(openai: NewClient, path: str, query: dict[str, Any], name: str) -> None:
    """What OpenAI refuses is refused with its own body."""
    assert openai().refused(path, **WINDOW | query) == documented("openai", name)


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        (COSTS_PATH, {"limit": 181}, "limit"),
        (COSTS_PATH, {"bucket_width": "1h"}, "bucket_width"),
        (COSTS_PATH, {"group_by": ["user_id", "project_id"]}, "group_by"),
        (COSTS_PATH, {"group_by": "user_id", "project_ids": "p"}, "group_by"),
        ("/v1/organization/usage/file_search_calls", {"group_by": "model"}, "group_by"),
        (COMPLETIONS, {"start_time": ""}, "start_time"),
        (COMPLETIONS, {"end_time": SECONDS}, "end_time"),
        (COMPLETIONS, {"page": "page_AAAA"}, "page"),
        (COMPLETIONS, {"colour": "red"}, "colour"),
    ],
)
def test_other_refusals(openai: NewClient, path: str, query: dict[str, Any], param: str) -> None:
    """Other wrong questions are 400 and name the parameter."""
    status, body = openai().refused(path, **WINDOW | query)
    assert (status, body["error"]["param"], body["error"]["code"]) == (400, param, "invalid_request_error")


@pytest.mark.parametrize("changes", [{"group_by": "model"}, {"limit": 3}, {"end_time": SECONDS + 172800}])
def test_a_cursor_is_bound_to_its_query(openai: NewClient, changes: dict[str, Any]) -> None:
    """A cursor with any other parameter, or another key, is refused."""
    client, other = openai(page_results=5), openai(page_results=5)
    query = {**WINDOW, "group_by": ["model", "project_id"]}
    cursor = client.page(COMPLETIONS, **query)["next_page"]
    assert client.refused(COMPLETIONS, **query | changes, page=cursor)[0] == 400
    assert other.refused(COMPLETIONS, **query, page=cursor)[0] == 400
    assert client.page(COMPLETIONS, **query, page=cursor)["data"]


@pytest.mark.parametrize(
    ("properties", "key", "name"),
    [
        ({"revoked": True}, "sk-admin-000000000000000000000abcd", "401_invalid_key"),
        ({}, "sk-admin-unknown-to-everyone-abcd", "401_invalid_key"),
        ({"scopes": []}, "sk-admin-000000000000000000000scop", "403_missing_scope"),
        ({}, "sk-proj-000000000000000000000000000", "403_missing_scope"),
    ],
)
def test_who_may_not_ask(openai: NewClient, properties: dict[str, Any], key: str, name: str) -> None:
    """A revoked or unknown key is 401; one without the scope, and one of a project, is 403."""
    client = openai(**({"key": key} if properties else {}), **properties)
    assert client.refused(COSTS_PATH, {"Authorization": f"Bearer {key}"}, **WINDOW) == documented("openai", name)


def test_a_call_without_a_key(openai: NewClient) -> None:
    """No Authorization is 401, an unknown path 404, both in OpenAI's envelope."""
    client = openai()
    assert client.refused(COSTS_PATH, {"Authorization": ""}, **WINDOW)[0] == 401
    status, body = client.refused("/v1/organization/usage/dreams", **WINDOW)
    assert (status, [*body["error"]]) == (404, ["message", "type", "param", "code"])
