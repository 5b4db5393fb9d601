"""The stand-in for Anthropic: both generations, shapes, pages and refusals as the vendor's."""

from decimal import Decimal
from typing import Any

import pytest

from localcloud.providers.anthropic import usage
from localcloud.providers.anthropic.claude_code import claude_code_records
from localcloud.providers.anthropic.costs import analytics_total, anthropic_costs, cost_report_total
from localcloud.providers.anthropic.results import message_result
from localcloud.providers.anthropic.usage import anthropic_usage, workspace
from tests.conftest import fixture
from tests.localcloud.providers.conftest import BETA, DAY, DAYS, Client, NewClient, canonical, documented

ROOT = "/v1/organizations"
MESSAGES, COSTS, CLAUDE_CODE = (
    f"{ROOT}/usage_report/messages",
    f"{ROOT}/cost_report",
    f"{ROOT}/usage_report/claude_code",
)
ANALYTICS_USAGE, ANALYTICS_COST = f"{ROOT}/analytics/usage", f"{ROOT}/analytics/cost"
BY = ["model", "workspace_id", "api_key_id", "service_tier", "context_window"]
COSTS_BY = {"group_by[]": ["workspace_id", "description"]}
ROWS = {**DAYS, "time_bucket_width": "1d"}


def cents(rows: list[Any]) -> Decimal:
    return sum((Decimal(row["amount"]) for row in rows), Decimal(0))


def rows(client: Client, path: str, **query: Any) -> list[Any]:
    client.headers |= BETA
    return [row for page in client.pages(path, **ROWS, **query) for row in page["data"]]


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        (MESSAGES, {"group_by[]": BY}, "anthropic_usage_report_messages_page1.json"),
        (COSTS, COSTS_BY, "anthropic_cost_report_page1.json"),
    ],
)
def test_results_look_as_documented(anthropic: NewClient, path: str, query: dict[str, Any], name: str) -> None:
    """Envelope, bucket and results of the first generation have the fields of the fixture."""
    page, expected = anthropic().page(path, **DAYS, **query), fixture(name)
    assert page.keys() == expected.keys()
    bucket, wanted = page["data"][0], expected["data"][0]
    assert (bucket["starting_at"], bucket["ending_at"]) == (wanted["starting_at"], wanted["ending_at"])
    assert shape(bucket["results"][0]) == shape(wanted["results"][0])


def shape(value: Any) -> Any:
    """The names of an object and of the objects in it."""
    return {name: shape(part) for name, part in sorted(value.items())} if isinstance(value, dict) else None


@pytest.mark.parametrize(
    ("path", "name"),
    [(ANALYTICS_USAGE, "anthropic_analytics_usage.json"), (ANALYTICS_COST, "anthropic_analytics_cost_page1.json")],
)
def test_rows_look_as_documented(anthropic: NewClient, path: str, name: str) -> None:
    """Envelope and rows of the second generation have the fields of the fixture."""
    page, expected = anthropic().get(path, BETA, **ROWS).json(), fixture(name)
    assert page.keys() == expected.keys()
    assert shape(page["data"][0]) == shape(expected["data"][0])


def test_claude_code_looks_as_documented(anthropic: NewClient) -> None:
    """Records are flat, of people with their e-mail and of machines, with numbers as costs."""
    found = anthropic().page(CLAUDE_CODE, starting_at="2026-11-10")["data"]
    wanted = fixture("anthropic_usage_report_claude_code.json")["data"]
    by_type = {record["actor"]["type"]: record for record in found}
    for record in wanted:
        assert by_type[record["actor"]["type"]].keys() == record.keys()
        assert by_type[record["actor"]["type"]]["actor"].keys() == record["actor"].keys()
    breakdown = next(record["model_breakdown"][0] for record in found if record["model_breakdown"])
    assert shape(breakdown) == shape(wanted[0]["model_breakdown"][0])
    assert not isinstance(breakdown["estimated_cost"]["amount"], str)


def test_pages_of_usage(anthropic: NewClient) -> None:
    """A bucket over many pages has exactly the rows of the pure function; the default workspace is null."""
    client = anthropic(rows=90, page_results=13)
    client.headers |= {"anthropic-beta": "fast-mode-2026-02-01"}
    by = ["model", "api_key_id", "account_id", "service_account_id", "speed"]
    found = client.results(MESSAGES, **DAYS, **{"group_by[]": by})
    default = workspace(7, 0)
    kept = {usage.DIMS.index(name) for name in by}
    finest = {tuple(v for i, v in enumerate(fact.dims) if i in kept) for fact in anthropic_usage(7, DAY, 90)}
    assert len(found) == len(finest)
    whole = [message_result(fact, default, True) for fact in anthropic_usage(7, DAY, 90)]
    assert sum(row["output_tokens"] for row in found) == sum(row["output_tokens"] for row in whole)
    unsplit = anthropic(rows=90, page_results=1000)
    unsplit.headers |= client.headers | {"x-api-key": unsplit.key.key}
    assert found == unsplit.results(MESSAGES, **DAYS, **{"group_by[]": by})


@pytest.mark.parametrize("by", [[], ["workspace_id"], ["description"], ["workspace_id", "description"]])
def test_totals_are_exact(anthropic: NewClient, by: list[str]) -> None:
    """However the costs are grouped and paged, their sum in cents is the pure function's to the last digit."""
    found = anthropic(page_results=7).results(COSTS, **DAYS, **{"group_by[]": by})
    assert cents(found) == cost_report_total(7, DAY, 40)


def test_costs_without_description(anthropic: NewClient) -> None:
    """Only grouping by description brings model, tier and kinds; services and credits have no model either way."""
    assert all(row["model"] is None for row in anthropic().results(COSTS, **DAYS, **{"group_by[]": "workspace_id"}))
    found = {row["description"]: row for row in anthropic().results(COSTS, **DAYS, **COSTS_BY)}
    assert found["Claude Opus 5.5 Usage - Output Tokens"]["token_type"] == "output_tokens"
    for name in ("Code Execution Usage", "Managed Agents Session Usage", "Web Search Usage", "Credit"):
        assert (found[name]["model"], found[name]["token_type"]) == (None, None)
    assert Decimal(found["Credit"]["amount"]) < 0


def test_the_priority_tier_is_not_in_the_costs(anthropic: NewClient) -> None:
    """Priority usage is in the usage report and in no cost."""
    client = anthropic()
    tiers = {row["service_tier"] for row in client.results(MESSAGES, **DAYS, **{"group_by[]": "service_tier"})}
    assert tiers == {"standard", "batch", "priority"}
    assert {row["service_tier"] for row in client.results(COSTS, **DAYS, **COSTS_BY)} == {"standard", "batch", None}


def test_costs_are_usage_times_price(anthropic: NewClient) -> None:
    """Cents are output tokens times the price per million, in exact decimals."""
    found = {row["description"]: row for row in anthropic().results(COSTS, **DAYS, **{"group_by[]": "description"})}
    only = {"models": "claude-opus-5-5", "service_tiers": "standard"}
    client = anthropic()
    client.headers |= {"anthropic-beta": "fast-mode-2026-02-01"}
    (tokens,) = client.results(MESSAGES, **DAYS, **only, speeds="standard")
    cost = Decimal(found["Claude Opus 5.5 Usage - Output Tokens"]["amount"])
    assert cost == tokens["output_tokens"] * Decimal(2500) / 1_000_000


def test_the_default_workspace(anthropic: NewClient) -> None:
    """The default workspace is null in the first generation and has its id in the analytics."""
    client = anthropic()
    first = {row["workspace_id"] for row in client.results(MESSAGES, **DAYS, **{"group_by[]": "workspace_id"})}
    second = {row["group"]["workspace_id"] for row in rows(client, ANALYTICS_USAGE, **{"group_by[]": "workspace_id"})}
    assert second == {workspace(7, 0) if found is None else found for found in first}
    assert None in first


def test_analytics_totals_are_exact(anthropic: NewClient) -> None:
    """Rows over many pages sum up to the ungrouped row; amounts are after discounts and before credits."""
    client = anthropic()
    (total,) = rows(client, ANALYTICS_COST)
    assert Decimal(total["cost"]["amount"]) == analytics_total(7, DAY, 40)
    grouped = rows(client, ANALYTICS_COST, limit=7, **{"group_by[]": [*BY, "cost_type", "token_type"]})
    assert cents([row["cost"] for row in grouped]) == analytics_total(7, DAY, 40)
    list_price = sum(Decimal(row["cost"]["list_amount"]) for row in grouped)
    credit = next(fact.measures[1] for fact in anthropic_costs(7, DAY, 40) if fact.dims[2] == "Credit")
    assert list_price + credit == cost_report_total(7, DAY, 40)


def test_analytics_pages_give_each_row_once(anthropic: NewClient) -> None:
    """`limit` counts rows."""
    client = anthropic()
    few = rows(client, ANALYTICS_USAGE, limit=3, **{"group_by[]": BY})
    assert canonical(few) == canonical(rows(client, ANALYTICS_USAGE, limit=1000, **{"group_by[]": BY}))
    assert len(client.get(ANALYTICS_USAGE, BETA, **ROWS, limit=3, **{"group_by[]": BY}).json()["data"]) == 3


def test_analytics_take_a_bearer(anthropic: NewClient) -> None:
    """The analytics accept the key as a bearer token, the first generation does not."""
    client = anthropic()
    bearer = {"x-api-key": "", "Authorization": f"Bearer {client.key.key}"}
    assert client.get(ANALYTICS_COST, bearer | BETA, **ROWS).status_code == 200
    assert client.get(COSTS, bearer, **DAYS).status_code == 401


def test_pages_of_claude_code(anthropic: NewClient) -> None:
    """`limit` counts records; every record comes once."""
    client = anthropic(rows=100)
    pages = list(client.pages(CLAUDE_CODE, starting_at="2026-11-10", limit=10))
    assert [len(page["data"]) for page in pages] == [10, 10, 5]
    assert [record for page in pages for record in page["data"]] == claude_code_records(7, DAY, 100)


def test_an_empty_day(anthropic: NewClient) -> None:
    """A day without usage is a bucket without results."""
    client = anthropic(rows=0)
    for path in (MESSAGES, COSTS):
        assert client.page(path, **DAYS) == fixture("anthropic_empty_bucket.json")


def test_who_the_organization_is(anthropic: NewClient) -> None:
    """/me answers the organization that the records name."""
    client = anthropic()
    record = client.page(CLAUDE_CODE, starting_at="2026-11-10")["data"][0]
    assert client.page(f"{ROOT}/me")["id"] == record["organization_id"]


SIX = [*BY, "account_id"]


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        (MESSAGES, {"group_by[]": SIX}, "400_too_many_group_by"),
        (ANALYTICS_COST, {"group_by[]": [*BY, "speed"], "time_bucket_width": "1d"}, "400_too_many_group_by"),
        (COSTS, {"starting_at": "2026-11-12", "ending_at": "2026-11-13"}, "400_no_complete_bucket"),
        (COSTS, {"ending_at": "2026-11-10T00:00:00Z"}, "400_no_complete_bucket"),
        (f"{ROOT}/usage_report/dreams", {}, "404"),
    ],
)
def test_documented_refusals(anthropic: NewClient, path: str, query: dict[str, Any], name: str) -> None:
    """What Anthropic refuses is refused with its own body."""
    assert anthropic().refused(path, BETA, **DAYS | query) == documented("anthropic", name)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (COSTS, {"group_by[]": "api_key_id"}),
        (COSTS, {"bucket_width": "1h"}),
        (COSTS, {"limit": 32}),
        (MESSAGES, {"group_by[]": "speed"}),
        (MESSAGES, {"starting_at": "yesterday"}),
        (MESSAGES, {"page": "page_AAAA"}),
        (MESSAGES, {"colour": "red"}),
        (CLAUDE_CODE, {"limit": 1001, "ending_at": []}),
        (ANALYTICS_COST, {"limit": 1001}),
        (ANALYTICS_COST, {"ending_at": [], "time_bucket_width": "1d"}),
        (ANALYTICS_COST, {"starting_at": "2025-12-31T00:00:00Z"}),
        (ANALYTICS_USAGE, {"group_by[]": "cost_type"}),
    ],
)
def test_other_refusals(anthropic: NewClient, path: str, query: dict[str, Any]) -> None:
    """Other wrong questions are invalid_request_error."""
    days = {"starting_at": "2026-11-10"} if path == CLAUDE_CODE else DAYS
    status, body = anthropic().refused(path, BETA, **days | query)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


def test_a_cursor_is_bound_to_its_query(anthropic: NewClient) -> None:
    """A cursor with another parameter is refused."""
    client = anthropic(page_results=3)
    cursor = client.page(MESSAGES, **DAYS, **{"group_by[]": BY})["next_page"]
    assert client.refused(MESSAGES, **DAYS, **{"group_by[]": BY[:3]}, page=cursor)[0] == 400
    assert client.page(MESSAGES, **DAYS, **{"group_by[]": BY}, page=cursor)["data"]


@pytest.mark.parametrize(
    ("properties", "headers", "name"),
    [
        ({"revoked": True}, {}, "401"),
        ({}, {"x-api-key": "sk-ant-admin01-unknown"}, "401"),
        ({}, {"x-api-key": ""}, "401"),
        ({}, {"x-api-key": "sk-ant-api03-of-a-workspace"}, "403_not_admin_key"),
        ({"scopes": []}, {}, "403_not_admin_key"),
    ],
)
def test_who_may_not_ask(anthropic: NewClient, properties: Any, headers: dict[str, str], name: str) -> None:
    """An unknown or revoked key is 401, the key of a workspace 403."""
    assert anthropic(**properties).refused(COSTS, headers, **DAYS) == documented("anthropic", name)


def test_headers_that_must_be_there(anthropic: NewClient) -> None:
    """The first generation needs its version (400), the analytics their beta (404: our assumption)."""
    client = anthropic()
    assert client.refused(ANALYTICS_COST, **ROWS) == documented("anthropic", "404")
    assert client.refused(COSTS, {"anthropic-version": "2099-01-01"}, **DAYS)[0] == 400
    del client.headers["anthropic-version"]
    assert client.refused(COSTS, **DAYS)[0] == 400


def test_keys_without_claude_code(anthropic: NewClient) -> None:
    """An organization may lack Claude Code or the analytics: 403 there, costs all the same."""
    client = anthropic(scopes=["org:admin"])
    assert client.refused(CLAUDE_CODE, starting_at="2026-11-10") == documented("anthropic", "403_not_admin_key")
    assert client.refused(ANALYTICS_COST, BETA, **ROWS) == documented("anthropic", "403_analytics_scope")
    assert client.page(COSTS, **DAYS)["data"]
