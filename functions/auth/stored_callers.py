"""Callers as BigQuery has them: API keys by hash, and memberships by user id."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudact.orgs.members import Membership
from cloudact.orgs.org import ApiKey
from cloudact.warehouse.bigquery import Warehouse


class StoredCallers:
    """Reads keys and memberships; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def api_key(self, key_hash: str) -> ApiKey | None:
        """Stored facts of the key with this hash."""
        rows = self._warehouse.read(ApiKey, "api_key", key_hash=key_hash)
        return matching(rows[0], key_hash) if rows else None

    def memberships(self, user_id: str) -> tuple[Membership, ...]:
        """Memberships of a user, by the orgs' slugs."""
        return tuple(self._warehouse.read(Membership, "memberships", user_id=user_id))


@dataclass(frozen=True)
class CallerFacts:
    """Stored facts of a caller: the key, or the memberships."""

    api_key: ApiKey | None
    memberships: Sequence[Membership] = ()

    def allow(self, org_slug: str) -> bool:
        """Whether the caller belongs to the org: for others nothing more is looked up."""
        own_key = self.api_key is not None and self.api_key.org_slug == org_slug
        return own_key or any(each.org_slug == org_slug for each in self.memberships)


def matching(key: ApiKey, hashed: str | None) -> ApiKey | None:
    """Key if its hash is this one, compared again: an index need not compare in constant time."""
    return key if hashed is not None and key.matches(hashed) else None
