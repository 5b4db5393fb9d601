"""Anthropic's admin API (https://platform.claude.com/docs/en/manage-claude/usage-cost-api)."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from cloudact.json_types import Json
from providers.admin_key import AdminKey, Door, Vendor
from providers.anthropic.names import ID, NAME
from providers.http import ProviderHttp, Query

VERSION = "2023-06-01"  # all that is known of the reports is known of this version
ANALYTICS_BETA = {"anthropic-beta": "analytics-usage-cost-2026-08-24"}
SPEED_BETA = {"anthropic-beta": "fast-mode-2026-02-01"}  # without it, `speed` is no dimension of the reports
COST_REPORT = "/v1/organizations/cost_report"
MESSAGES = "/v1/organizations/usage_report/messages"
CLAUDE_CODE = "/v1/organizations/usage_report/claude_code"
ANALYTICS_USAGE = "/v1/organizations/analytics/usage"
ANALYTICS_COST = "/v1/organizations/analytics/cost"


def day_bounds(day: date) -> list[tuple[str, str]]:
    """Query parameters of the one bucket of a UTC day, its end exclusive; they are the same on every page."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    return [("starting_at", f"{start:%Y-%m-%dT%H:%M:%SZ}"), ("ending_at", f"{end:%Y-%m-%dT%H:%M:%SZ}")]


def _headers(key: str) -> Mapping[str, str]:
    return {"x-api-key": key, "anthropic-version": VERSION}


def _read_error(error: Mapping[str, Json]) -> tuple[Json, Json, Json]:
    return error.get("type"), None, error.get("message")


def _cheapest(today: date) -> tuple[str, Query]:
    return COST_REPORT, [*day_bounds(today - timedelta(days=3)), ("limit", "1")]


def check_analytics(api: ProviderHttp, today: date) -> None:
    """Proves that the key reads costs of the analytics: other rights than those of the reports."""
    day = day_bounds(today - timedelta(days=3))
    api.get(ANALYTICS_COST, [*day, ("time_bucket_width", "1d"), ("limit", "1")], ANALYTICS_BETA)


# Which key opens which API: https://platform.claude.com/docs/en/manage-claude/admin-api-keys
_ADMIN = "usage and costs are read with an admin key (sk-ant-admin…)."
_ANALYTICS = "the analytics are read with an analytics key, which has the scope read:analytics."
_TOKEN = "This is an OAuth token, which ends within hours"  # noqa: S105 - a sentence

ANTHROPIC = Vendor(
    id=ID,
    name=NAME,
    doors=(
        Door(
            paths="/v1/organizations/analytics/",
            what_to_do=(
                "The primary owner of the Claude organization creates an analytics key with the scope read:analytics "
                "(claude.ai, Organization settings, API); set up the integration with it. An organization of the "
                "Console alone has the reports instead: set up the integration with the setting api: reports."
            ),
            misfits={
                "sk-ant-admin": f"This is an admin key, which reads the reports; {_ANALYTICS}",
                "sk-ant-api01-": "",
                "sk-ant-api": f"This is an API key for calling models; {_ANALYTICS}",
                "sk-ant-oat": f"{_TOKEN}; {_ANALYTICS}",
            },
        ),
        Door(
            paths="/v1/organizations/",
            what_to_do=(
                "An admin of the Anthropic organization creates an admin key (Console, Settings, Admin keys; "
                "sk-ant-admin…); set up the integration with it."
            ),
            misfits={
                "sk-ant-admin": "",
                "sk-ant-api01-": (
                    f"If this is a key of Claude Enterprise, it reads the analytics (setting api: analytics); {_ADMIN}"
                ),
                "sk-ant-api": f"If this is a workspace's API key: {_ADMIN}",
                "sk-ant-oat": f"{_TOKEN}; {_ADMIN}",
            },
        ),
    ),
    headers=_headers,
    read_error=_read_error,
    cheapest=_cheapest,
)
ADMIN_KEY = AdminKey(ANTHROPIC)
ANALYTICS_KEY = AdminKey(ANTHROPIC, check_analytics)
