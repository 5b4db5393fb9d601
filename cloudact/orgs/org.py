"""Tenants: how an org, its key, its subscription and its integrations are named and judged. Knows no storage."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SLUG = re.compile(r"[a-zA-Z0-9_]{3,50}")
KEY = re.compile(rf"{SLUG.pattern}_api_[A-Za-z0-9_-]{{43}}")
RESERVED_SLUGS = frozenset({"organizations", "runs", "run", "ops"})
SLUG_RULE = "3 to 50 letters, digits or underscores, not starting with an underscore, and not one of " + ", ".join(
    sorted(RESERVED_SLUGS)
)


class SubscriptionStatus(StrEnum):
    """The backend's vocabulary of a subscription."""

    TRIAL = "TRIAL"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CANCELLED = "CANCELLED"


# The billing provider's words, as the frontend stores them, in ours.
BILLING_WORDS = {
    "trialing": SubscriptionStatus.TRIAL,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.SUSPENDED,
    "incomplete": SubscriptionStatus.SUSPENDED,
    "paused": SubscriptionStatus.SUSPENDED,
    "canceled": SubscriptionStatus.CANCELLED,
}
ALLOWED_SUBSCRIPTIONS = frozenset({SubscriptionStatus.TRIAL, SubscriptionStatus.ACTIVE})
ALLOWED_WORDS = ALLOWED_SUBSCRIPTIONS | {
    word for word, status in BILLING_WORDS.items() if status in ALLOWED_SUBSCRIPTIONS
}


class Auth(StrEnum):
    """How a provider knows that we may read for an org: a key of the org's, or none."""

    KEY = "key"
    KEYLESS = "keyless"


class IntegrationStatus(StrEnum):
    """Whether an org's credential for a provider can be used."""

    VALID = "VALID"
    INVALID = "INVALID"
    NOT_CONFIGURED = "NOT_CONFIGURED"


@dataclass(frozen=True)
class Onboarded:
    """One onboarding of an org. `generation` counts them: who comes back under the same slug may be someone else.

    Another installation counts from 1 again, so `installation` tells theirs apart.
    """

    org_slug: str
    generation: int
    installation: str


@dataclass(frozen=True)
class ApiKey:
    """What is stored of a key: its hash, which org it opens and until when; never the key."""

    org_slug: str
    key_hash: str
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def fingerprint(self) -> str:
        """Names the key without showing any of it; whoever has the key can compute it."""
        return fingerprint(self.key_hash)

    @property
    def actor(self) -> str:
        """What a run that the key asked for is recorded as triggered by."""
        return f"api_key:{self.fingerprint}"

    def matches(self, hashed: str) -> bool:
        """Whether it is this key's hash, in a time that tells nothing about it."""
        return hmac.compare_digest(self.key_hash, hashed)

    def usable(self, now: datetime) -> bool:
        """Neither revoked nor expired at `now`."""
        return (self.revoked_at is None or self.revoked_at > now) and (self.expires_at is None or self.expires_at > now)


def subscription_status(word: str) -> str:
    """The status that a word of either vocabulary means; any other word stands for itself, and allows nothing."""
    return BILLING_WORDS.get(word, word)


@dataclass(frozen=True)
class Subscription:
    """An org's plan and what it allows in a UTC day."""

    status: str
    plan: str
    daily_limit: int

    @property
    def active(self) -> bool:
        """Whether runs may be started."""
        return self.status in ALLOWED_SUBSCRIPTIONS


def is_slug(text: str) -> bool:
    """Whether `text` can name an org."""
    return bool(SLUG.fullmatch(text)) and not text.startswith("_") and text.lower() not in RESERVED_SLUGS


def new_api_key(org_slug: str) -> str:
    """A fresh key, `{org}_api_{43 url-safe characters}`: 256 random bits."""
    return f"{org_slug}_api_{secrets.token_urlsafe(32)}"


def key_hash(api_key: str) -> str:
    """SHA-256 in hex: a key of 256 random bits needs no salt and no slow hash."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def fingerprint(hashed: str) -> str:
    """The first 64 bits of a key's hash, in hex."""
    return hashed[:16]


def key_prefix(api_key: str, org_slug: str) -> str:
    """What may be shown of a key: `{org}_api_` and four characters."""
    return api_key[: len(org_slug) + len("_api_") + 4]
