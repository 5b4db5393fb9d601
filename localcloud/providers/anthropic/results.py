"""Facts as the results of Anthropic's answers, and as the rows of the analytics."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from localcloud.providers.anthropic import costs, usage
from localcloud.providers.facts import Fact, fields

COST_FIELDS = (
    "description", "cost_type", "token_type", "model", "service_tier", "context_window", "inference_geo",
    "workspace_id",
)  # fmt: skip
USAGE_FIELDS = (
    "api_key_id", "workspace_id", "model", "service_tier", "context_window", "inference_geo", "account_id",
    "service_account_id",
)  # fmt: skip
GROUP_FIELDS = (
    "actor", "actor_type", "agent_id", "api_key_id", "claude_tag_category", "claude_tag_user_id", "context_window",
    "deployment_id", "environment_id", "inference_geo", "model", "organization_id", "product", "rbac_group_id",
    "service_tier", "session_id", "slack_channel_id", "speed", "user_profile_id", "workspace_id",
)  # fmt: skip
COST_GROUP_FIELDS = (*GROUP_FIELDS, "cost_type", "token_type")


def message_result(fact: Fact, default_workspace: str, with_speed: bool) -> dict[str, Any]:
    """A result of `usage_report/messages`; the default workspace is null, `speed` there only with its beta."""
    dims = _hiding(default_workspace, fields(usage.DIMS, fact.dims))
    names = (*USAGE_FIELDS, "speed") if with_speed else USAGE_FIELDS
    return {**_tokens(fact), **{name: dims[name] for name in names}}


def cost_result(fact: Fact, default_workspace: str) -> dict[str, Any]:
    """A result of `cost_report`, its amount in cents."""
    dims = _hiding(default_workspace, fields(costs.DIMS, fact.dims))
    return {"amount": cents(fact.measures[1]), "currency": "USD", **{name: dims[name] for name in COST_FIELDS}}


def usage_row(fact: Fact, by: Collection[str], seed: int) -> dict[str, Any]:
    """`group` and `usage` of a row of `analytics/usage`."""
    tokens = _tokens(fact)
    total, requests = sum(fact.measures[:5]), fact.measures[6]
    group = _group(GROUP_FIELDS, fields(usage.DIMS, fact.dims), by, seed)
    return {"group": group, "usage": {**tokens, "total_tokens": total, "requests": requests}}


def cost_row(fact: Fact, by: Collection[str], seed: int) -> dict[str, Any]:
    """`group` and `cost` of a row of `analytics/cost`."""
    net, at_list = fact.measures
    cost = {"amount": cents(net), "list_amount": cents(at_list), "currency": "USD", "requests": None}
    return {"group": _group(COST_GROUP_FIELDS, fields(costs.DIMS, fact.dims), by, seed), "cost": cost}


def cents(amount: Decimal) -> str:
    """The amount in plain notation with at least four places, as the vendor writes it."""
    places = Decimal("1E-4")
    exponent = amount.as_tuple().exponent
    return f"{amount.quantize(places) if isinstance(exponent, int) and exponent > -4 else amount:f}"


def _tokens(fact: Fact) -> dict[str, Any]:
    uncached, read, five_minutes, one_hour, output, searches, _requests = fact.measures
    return {
        "uncached_input_tokens": uncached,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": one_hour},
        "output_tokens": output,
        "server_tool_use": {"web_search_requests": searches},
    }


def _hiding(default_workspace: str, dims: dict[str, Any]) -> dict[str, Any]:
    workspace_id = dims["workspace_id"]
    return {**dims, "workspace_id": None if workspace_id == default_workspace else workspace_id}


def _group(names: Collection[str], dims: dict[str, Any], by: Collection[str], seed: int) -> dict[str, Any]:
    known = {**dims, "organization_id": usage.organization(seed), "product": "api"}
    return {name: known.get(name) if name in by else None for name in names}
