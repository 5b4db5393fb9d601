"""One org's stored rows: profile, subscription, integrations and API keys, in one read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from cloudact.orgs.org import ApiKey, IntegrationStatus, subscription_status
from cloudact.runs.ledger import RETENTION
from cloudact.warehouse.bigquery import Warehouse

Row = TypeVar("Row")
Age = TypeVar("Age", datetime, tuple[int, str])


class ProfileStatus(StrEnum):
    """Status of an org."""

    ACTIVE = "ACTIVE"
    OFFBOARDED = "OFFBOARDED"


@dataclass(frozen=True)
class Profile:
    """Profile of an org. `generation` counts its onboardings; `keys_before` is the last key number of earlier ones."""

    org_slug: str
    name: str | None
    dataset: str
    status: ProfileStatus
    generation: int
    keys_before: int
    created_at: datetime


@dataclass(frozen=True)
class StoredSubscription:
    """Newest row of an org's subscription, its status in the backend's words."""

    status: str
    plan: str
    daily_limit: int
    updated_at: datetime


@dataclass(frozen=True)
class SetUp:
    """Integration without its credential. `configured`: there is a ciphertext."""

    integration: str
    status: IntegrationStatus
    configured: bool
    updated_at: datetime


@dataclass(frozen=True)
class IssuedKey(ApiKey):
    """API key as its org sees it."""

    number: int | None
    key_prefix: str
    created_at: datetime


@dataclass(frozen=True)
class Tenant:
    """Stored rows of an org; empty for one that was never onboarded."""

    profile: Profile | None
    subscription: StoredSubscription | None
    integrations: tuple[SetUp, ...]
    api_keys: tuple[IssuedKey, ...]

    @property
    def last_key_number(self) -> int:
        """Highest number that is known to be taken by a key of this org."""
        numbers = [key.number for key in self.api_keys if key.number is not None]
        return max([self.profile.keys_before if self.profile else 0, *numbers])

    def shows(self, written: "Tenant") -> bool:
        """Whether profile, subscription and keys of `written`, or newer ones, are among what was read."""
        return (
            _reached(self.profile, written.profile, lambda profile: (profile.generation, profile.status.value))
            and _reached(self.subscription, written.subscription, lambda subscription: subscription.updated_at)
            and {key.key_hash for key in self.api_keys} >= {key.key_hash for key in written.api_keys}
        )

    def live_keys(self, now: datetime) -> tuple[IssuedKey, ...]:
        """Keys that open the org."""
        return tuple(key for key in self.api_keys if key.usable(now))


@dataclass(frozen=True)
class _TenantRow:
    profile: Profile | None
    subscription: StoredSubscription | None
    integrations: tuple[SetUp, ...]
    api_keys: tuple[IssuedKey, ...]


@dataclass(frozen=True)
class _KeyUse:
    fingerprint: str
    last_used_day: date


class Tenants:
    """Reads orgs; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def read(self, org_slug: str) -> Tenant:
        """Stored rows of the org of this slug. May be those of a slug that differs only in case: compare it."""
        row = self._warehouse.read(_TenantRow, "tenant", org_slug=org_slug)[0]
        subscription = row.subscription
        return Tenant(
            profile=row.profile,
            subscription=replace(subscription, status=subscription_status(subscription.status))
            if subscription
            else None,
            integrations=row.integrations,
            api_keys=row.api_keys,
        )

    def last_used(self, org_slug: str, today: date) -> dict[str, date]:
        """Last day of use of each key, by fingerprint; as far back as runs are kept."""
        days: dict[str, date] = {}
        first = today - RETENTION
        for use in self._warehouse.read(_KeyUse, "api_key_uses", org_slug=org_slug, first_day=first, last_day=today):
            days[use.fingerprint] = max(days.get(use.fingerprint, use.last_used_day), use.last_used_day)
        return days


def _reached(read: Row | None, written: Row | None, age: Callable[[Row], Age]) -> bool:
    """Whether the row that was read is as new as the written one.

    A profile is ACTIVE before it is OFFBOARDED, which is also the greater word.
    """
    return written is None or (read is not None and age(read) >= age(written))


def after(now: datetime, last: datetime | None) -> datetime:
    """Time for the next row: now, or later than the last row's time, whatever the clocks say."""
    return now if last is None else max(now, last + timedelta(microseconds=1))
