"""Aqua's admin API: how a request is made, what a refusal says, and which call proves a key."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from providers.admin_key import AdminKey, Door, Vendor
from providers.http import ProviderHttp, Query

USAGE, COSTS, TOTAL = "/v1/usage", "/v1/costs", "/v1/costs/total"


# FILL IN 2: the paths above, the parameters of a day, the header with the key, the fields of an error, the advice.
def day_query(day: date, region: str) -> list[tuple[str, str]]:
    """One UTC day of one region, the same on every page."""
    return [("date", day.isoformat()), ("region", region)]


def _headers(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _read_error(error: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return error.get("code"), error.get("param"), error.get("message")


def _cheapest(today: date, region: str = "eu") -> tuple[str, Query]:
    return TOTAL, day_query(today - timedelta(days=2), region)


AQUA = Vendor(
    id="aqua",
    name="Aqua",
    doors=(
        Door(
            paths="/v1/",
            what_to_do="An owner of the account creates an admin key; set up the integration with it.",
            misfits={"aqua-user-": "This is a user's key; usage and costs are read with an admin key."},
        ),
    ),
    headers=_headers,
    read_error=_read_error,
    cheapest=_cheapest,
)


def admin_key(region: str = "eu") -> AdminKey:
    """Reads a key, and proves it by the costs of this region."""

    def ask(api: ProviderHttp, today: date) -> None:
        api.get(*_cheapest(today, region))

    return AdminKey(AQUA, ask)
