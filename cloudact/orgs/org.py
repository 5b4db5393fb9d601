"""Orgs: names and rules of an org, its keys, subscription and integrations. Knows no storage."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SLUG = re.compile(r"[a-zA-Z0-9_]{3,50}")
KEY = re.compile(rf"({SLUG.pattern})_api_[A-Za-z0-9_-]{{43}}")
# What a slug names is a dataset, so a word of BigQuery's own would be read as something else, or need quotes in every
# query of its customer: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords
RESERVED_WORDS = frozenset(
    re.findall(
        r"\w+",
        "all and any array asc assert_rows_modified between case cast collate contains create cross cube "
        "current default define desc distinct else end enum escape except exclude exists extract false "
        "fetch following for from full group grouping groups hash having ignore information_schema inner "
        "intersect interval into join lateral left like limit lookup merge natural new not null nulls "
        "order outer over partition preceding proto qualify range recursive respect right rollup rows "
        "select set some struct tablesample then treat true unbounded union unnest using when where "
        "window with within",
    )
)
RESERVED_SLUGS = frozenset({"organizations", "runs", "run", "ops"})
_FORM = "3 to 50 letters, digits or underscores, not starting with an underscore"
_NOT_OURS = f"not one of {', '.join(sorted(RESERVED_SLUGS))}"
SLUG_RULE = f"{_FORM}, and {_NOT_OURS}"
NEW_SLUG_RULE = f"{_FORM}, no reserved word of BigQuery, and {_NOT_OURS}"


class SubscriptionStatus(StrEnum):
    """Status of a subscription, in the backend's words."""

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
    """Way to authenticate at a provider: with a key of the org's, or without one."""

    KEY = "key"
    KEYLESS = "keyless"


class IntegrationStatus(StrEnum):
    """Status of an org's credential for a provider."""

    VALID = "VALID"
    INVALID = "INVALID"
    NOT_CONFIGURED = "NOT_CONFIGURED"


@dataclass(frozen=True)
class Onboarded:
    """One onboarding of an org. `generation` counts them, since the same slug may later be another customer's.

    Another installation counts from 1 again, so `installation` is part of the identity.
    """

    org_slug: str
    generation: int
    installation: str


@dataclass(frozen=True)
class ApiKey:
    """Stored facts of a key: hash, org and expiry; never the key."""

    org_slug: str
    key_hash: str
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the key: reveals nothing of it, and whoever has the key can compute it."""
        return fingerprint(self.key_hash)

    @property
    def actor(self) -> str:
        """Name that runs of this key are recorded as triggered by."""
        return f"api_key:{self.fingerprint}"

    def matches(self, hashed: str) -> bool:
        """Whether the hash is this key's, compared in constant time."""
        return hmac.compare_digest(self.key_hash, hashed)

    def usable(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired at `now`."""
        return (self.revoked_at is None or self.revoked_at > now) and (self.expires_at is None or self.expires_at > now)


def subscription_status(word: str) -> str:
    """Status of a word of either vocabulary. An unknown word is returned as it is, and allows nothing."""
    return BILLING_WORDS.get(word, word)


@dataclass(frozen=True)
class Subscription:
    """Plan of an org and its limit of runs in a UTC day."""

    status: str
    plan: str
    daily_limit: int

    @property
    def active(self) -> bool:
        """Whether the subscription allows runs to be started."""
        return self.status in ALLOWED_SUBSCRIPTIONS


def is_slug(text: str) -> bool:
    """Whether `text` may be an org's slug: of one that exists too, so reserved words are among them."""
    return bool(SLUG.fullmatch(text)) and not text.startswith("_") and text.lower() not in RESERVED_SLUGS


def is_new_slug(text: str) -> bool:
    """Whether an org may be onboarded with this slug."""
    return is_slug(text) and text.lower() not in RESERVED_WORDS


def new_api_key(org_slug: str) -> str:
    """New random key, `{org}_api_{43 url-safe characters}`: 256 random bits."""
    return f"{org_slug}_api_{secrets.token_urlsafe(32)}"


def org_named_in(api_key: str) -> str | None:
    """Slug that a key begins with, whether or not there is such a key; `None` for what has not the form of one."""
    match = KEY.fullmatch(api_key)
    return match[1] if match else None


def key_hash(api_key: str) -> str:
    """SHA-256 of the key in hex. Neither salt nor a slow hash is needed: a key has 256 random bits."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def fingerprint(hashed: str) -> str:
    """First 64 bits of a key's hash, in hex."""
    return hashed[:16]


def key_prefix(api_key: str, org_slug: str) -> str:
    """Displayable part of a key: `{org}_api_` and four characters."""
    return api_key[: len(org_slug) + len("_api_") + 4]
