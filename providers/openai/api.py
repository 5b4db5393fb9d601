"""OpenAI's admin API (https://platform.openai.com/docs/api-reference/usage)."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from cloudact.json_types import Json
from providers.admin_key import AdminKey, Door, Vendor
from providers.http import Query
from providers.openai.names import ID, NAME

COSTS = "/v1/organization/costs"
USAGE = "/v1/organization/usage/"


def day_bounds(day: date) -> list[tuple[str, str]]:
    """Query parameters of the one bucket of a UTC day, its end exclusive; they are the same on every page."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    return [("start_time", str(int(start.timestamp()))), ("end_time", str(int(end.timestamp())))]


def _headers(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _read_error(error: Mapping[str, Json]) -> tuple[Json, Json, Json]:
    return error.get("code") or error.get("type"), error.get("param"), error.get("message")


def _cheapest(today: date) -> tuple[str, Query]:
    return COSTS, [*day_bounds(today - timedelta(days=2)), ("limit", "1")]


_NEEDED = "usage and costs are read with an admin key (sk-admin-…)."

OPENAI = Vendor(
    id=ID,
    name=NAME,
    doors=(
        Door(
            paths="/v1/organization/",
            what_to_do=(
                "An owner of the OpenAI organization creates an admin key (platform.openai.com, Organization, Admin "
                "keys) with the permission Usage: Read; set up the integration with it."
            ),
            misfits={
                "sk-proj-": f"This is a project key; {_NEEDED}",
                "sk-svcacct-": f"This is a service account's key; {_NEEDED}",
                "sk-admin-": "",
                "sk-": f"This is a user's key; {_NEEDED}",
                "sess-": f"This is the token of a session, which ends by itself; {_NEEDED}",
                "eyJ": f"This is an access token, which ends by itself; {_NEEDED}",
            },
        ),
    ),
    headers=_headers,
    read_error=_read_error,
    cheapest=_cheapest,
)
ADMIN_KEY = AdminKey(OPENAI)
