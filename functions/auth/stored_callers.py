"""Callers as BigQuery has them: API keys by hash, and memberships by user id."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cloudact.orgs.members import Membership, Role
from cloudact.orgs.org import ApiKey
from cloudact.warehouse.bigquery import Warehouse


class StoredCallers:
    """Reads keys and memberships; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def api_key(self, key_hash: str) -> ApiKey | None:
        """Stored facts of the key with this hash."""
        return self.api_keys([key_hash])[key_hash]

    def api_keys(self, key_hashes: Collection[str]) -> Mapping[str, ApiKey | None]:
        """Stored facts of the keys with these hashes, by each of them; `None` for a hash of no key."""
        rows = self._warehouse.read(ApiKey, "api_keys", key_hashes=sorted(key_hashes))
        stored = {row.key_hash: row for row in rows}
        return {each: matching(stored[each], each) if each in stored else None for each in key_hashes}

    def memberships(self, user_ids: Collection[str]) -> Mapping[str, tuple[Membership, ...]]:
        """Memberships of users, each user's by the orgs' slugs; empty for who has none."""
        stored: dict[str, list[Membership]] = {each: [] for each in user_ids}
        for row in self._warehouse.read(MembershipRow, "memberships", user_ids=sorted(user_ids)):
            stored[row.user_id].append(Membership(row.org_slug, row.role, row.onboarded))
        return {each: tuple(found) for each, found in stored.items()}


@dataclass(frozen=True)
class MembershipRow:
    """Membership as the query has it: with the user whose it is."""

    user_id: str
    org_slug: str
    role: Role
    onboarded: bool


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
