"""API keys of an org, one after the other: issued, followed by the next, revoked.

Each key has a number in its org, which a BigQuery job id assigns (docs/adr/0005), so keys that are requested at the
same time still have an order. Rows are only added; the earliest end of a key's rows counts, so it does not matter who
adds them, when, and how often. Off-boarding takes a number too, after which no key is issued.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.orgs.org import key_hash, key_prefix, new_api_key
from cloudact.warehouse.bigquery import Warehouse
from functions.orgs.tenant import IssuedKey, ProfileStatus, Tenant

TABLE = "org_api_keys_secure"
GRACE = timedelta(hours=24)


@dataclass(frozen=True)
class NewKey:
    """Newly issued key. `api_key` is its only copy; the keys before it work until `others_until`."""

    api_key: str
    stored: IssuedKey
    others_until: datetime | None

    def __repr__(self) -> str:
        return f"NewKey({self.stored.fingerprint})"


@dataclass(frozen=True)
class _Decision:
    """Meaning of a number: a key by its hash, or, without a hash, that no more keys are issued."""

    key_hash: str | None = None
    key_prefix: str | None = None
    created_at: str | None = None
    expires_at: str | None = None
    others_until: str | None = None


class ApiKeys:
    """Issues and ends keys; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    def first(self, org_slug: str, number: int = 1) -> NewKey | None:
        """First key of an onboarding; `None` where another call has issued and shown it."""
        key, mine = self._new(org_slug, None, None)
        winner = self._decide(org_slug, number, mine)
        if winner.key_hash is None:
            return None
        stored = self._carry_out(org_slug, number, winner, ())[-1]
        return NewKey(key, stored, None) if winner == mine else None

    def next(self, tenant: Tenant, org_slug: str, grace: timedelta, lifetime: timedelta | None) -> NewKey:
        """Issues a key; all before it, also those requested at this moment, end after the grace period."""
        if tenant.profile and tenant.profile.status is ProfileStatus.OFFBOARDED:
            raise _offboarded(org_slug)
        key, mine = self._new(org_slug, self._clock() + grace, lifetime)
        number, winner, keys = self._take(tenant, org_slug, mine)
        if winner != mine:
            raise _offboarded(org_slug)
        stored = self._carry_out(org_slug, number, mine, keys)[-1]
        return NewKey(key, stored, _instant(mine.others_until))

    def revoke(self, keys: Iterable[IssuedKey]) -> None:
        """Ends keys now; an instance that has one cached lets it in for up to 60 s."""
        self._append([(key, {"revoked_at": self._clock().isoformat()}, "revoked") for key in keys])

    def close(self, tenant: Tenant, org_slug: str) -> int:
        """Revokes every key, also those issued at this moment. Returns the number that ends them."""
        number, _, keys = self._take(tenant, org_slug, _Decision())
        self.revoke(key for key in keys if key.revoked_at is None)
        return number

    def _new(self, org_slug: str, others_until: datetime | None, lifetime: timedelta | None) -> tuple[str, _Decision]:
        key, now = new_api_key(org_slug), self._clock()
        decision = _Decision(
            key_hash=key_hash(key),
            key_prefix=key_prefix(key, org_slug),
            created_at=now.isoformat(),
            expires_at=(now + lifetime).isoformat() if lifetime else None,
            others_until=others_until.isoformat() if others_until else None,
        )
        return key, decision

    def _take(self, tenant: Tenant, org_slug: str, mine: _Decision) -> tuple[int, _Decision, Sequence[IssuedKey]]:
        """Takes the next free number, and carries out the decisions of lower ones that were read on the way.

        A call may have crashed before it carried out its own, and the next key must know all before it.
        """
        number, keys = tenant.last_key_number, tenant.api_keys
        while True:
            number += 1
            winner = self._decide(org_slug, number, mine)
            if winner == mine or winner.key_hash is None:
                return number, winner, keys
            keys = self._carry_out(org_slug, number, winner, keys)

    def _decide(self, org_slug: str, number: int, mine: _Decision) -> _Decision:
        job_id = f"key_{org_slug}_{number}"
        winner = self._warehouse.accept_once(job_id, "decision", decision=json.dumps(asdict(mine)))
        return _Decision(**json.loads(str(winner["decision"])))

    def _carry_out(
        self, org_slug: str, number: int, decision: _Decision, keys: Sequence[IssuedKey]
    ) -> tuple[IssuedKey, ...]:
        """Adds the key's row, and the ends of the keys before it. Returns all keys, the new one last."""
        new = _issued(org_slug, number, decision)
        until = _instant(decision.others_until)
        ended = [key for key in keys if until and key != new and _outlives(key, until)]
        expires = {"expires_at": decision.others_until}
        self._append(
            [(new, {"expires_at": decision.expires_at}, "issued")]
            + [(key, expires, f"before{number}") for key in ended]
        )
        followed = (replace(key, expires_at=until) if key in ended else key for key in keys if key != new)
        return (*followed, new)

    def _append(self, changes: Sequence[tuple[IssuedKey, dict[str, str | None], str]]) -> None:
        rows: list[dict[str, object]] = [
            {
                "org_slug": key.org_slug,
                "key_hash": key.key_hash,
                "key_prefix": key.key_prefix,
                "number": key.number,
                "scopes": [],
                "created_at": key.created_at.isoformat(),
                **change,
            }
            for key, change, _ in changes
        ]
        if rows:
            self._warehouse.append(TABLE, rows, [f"{key.key_hash}/{what}" for key, _, what in changes])


def _issued(org_slug: str, number: int, decision: _Decision) -> IssuedKey:
    return IssuedKey(
        org_slug=org_slug,
        key_hash=str(decision.key_hash),
        expires_at=_instant(decision.expires_at),
        revoked_at=None,
        number=number,
        key_prefix=str(decision.key_prefix),
        created_at=datetime.fromisoformat(str(decision.created_at)),
    )


def _offboarded(org_slug: str) -> Stop:
    return Stop(Code.ORG_OFFBOARDED, f"The organization {org_slug} was off-boarded.")


def _outlives(key: IssuedKey, at: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > at)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
