"""What a request asks for, read and checked alike for all reports. Raises `Refused` for what Anthropic refuses."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from localcloud.providers.anthropic import errors
from localcloud.providers.cursors import Cursors, Position, WrongCursor
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body

MOST_GROUPS = 5
_PLURALS = {
    "account_id": "account_ids", "api_key_id": "api_key_ids", "context_window": "context_window",
    "inference_geo": "inference_geos", "model": "models", "service_account_id": "service_account_ids",
    "service_tier": "service_tiers", "speed": "speeds", "workspace_id": "workspace_ids", "cost_type": "cost_types",
    "token_type": "token_types",
}  # fmt: skip


def filters(asked: Parameters, dims: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Dimensions with the values they are limited to."""
    wanted = {dim: asked.many(_PLURALS[dim]) for dim in dims if dim in _PLURALS}
    return {dim: values for dim, values in wanted.items() if values}


def refuse_unknown(asked: Parameters, names: Collection[str], dims: Collection[str]) -> None:
    """400 for a parameter that is neither among the names nor filters one of the dimensions (our assumption)."""
    unknown = asked.beyond([*names, *(_PLURALS[dim] for dim in dims if dim in _PLURALS)])
    if unknown:
        raise errors.invalid(f"{unknown}: Extra inputs are not permitted")


def groups(asked: Parameters, allowed: Collection[str], uncounted: Collection[str] = ()) -> tuple[str, ...]:
    """The dimensions to group by: at most five, not counting those `uncounted`."""
    by = tuple(asked.many("group_by"))
    if len([name for name in by if name not in uncounted]) > MOST_GROUPS:
        raise errors.too_many_groups()
    for name in by:
        if name not in (*allowed, *uncounted):
            raise errors.invalid(f"group_by.{name}: Input should be one of {', '.join(sorted(allowed))}")
    return by


def instant(asked: Parameters, name: str) -> datetime | None:
    """An instant in RFC 3339; without a zone it is UTC."""
    text = asked.one(name)
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise errors.invalid(f"{name}: Input should be a valid datetime") from None
    return at and (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def required_instant(asked: Parameters, name: str) -> datetime:
    """The same where it must be there."""
    at = instant(asked, name)
    if at is None:
        raise errors.invalid(f"{name}: Field required")
    return at


def limit(asked: Parameters, default: int, most: int) -> int:
    """Between 1 and `most`."""
    text = asked.one("limit")
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise errors.invalid(f"limit: Input should be between 1 and {most}")
    return int(text)


def position(cursors: Cursors) -> Position:
    """Where the page begins."""
    try:
        return cursors.position()
    except WrongCursor as err:
        raise errors.invalid(f"page: {err}") from err


def page(data: list[Body], cursors: Cursors, following: Position | None) -> Body:
    """The envelope."""
    cursor = cursors.at(following) if following else None
    return {"data": data, "has_more": cursor is not None, "next_page": cursor}


def rfc3339(at: datetime) -> str:
    """As the vendor writes instants."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
