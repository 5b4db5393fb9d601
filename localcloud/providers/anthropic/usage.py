"""What an organization used on a day, a pure function of seed, date and rows."""

import random
import uuid
from datetime import date
from decimal import Decimal

from localcloud.providers.anthropic.catalogue import VARIANTS
from localcloud.providers.facts import Dims, Fact, Measures, scaled, token

DIMS = (
    "account_id", "api_key_id", "context_window", "inference_geo", "model", "service_account_id", "service_tier",
    "speed", "workspace_id",
)  # fmt: skip
MEASURES = (
    "uncached_input_tokens", "cache_read_input_tokens", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens",
    "output_tokens", "web_search_requests", "requests",
)  # fmt: skip


def anthropic_usage(seed: int, day: date, rows: int, factor: Decimal = Decimal(1)) -> list[Fact]:
    """`rows` facts of different dimensions (DIMS, measures MEASURES). The default workspace has its real id here."""
    rng = random.Random(f"{seed}/{day}/messages")
    return scaled((Fact(_dims(seed, number), _measures(rng)) for number in range(rows)), factor)


def workspace(seed: int, number: int) -> str:
    """The id of a workspace; the first is the default one, whose id the first generation of the API hides."""
    return f"wrkspc_{token(seed, 'workspace', number, length=24)}"


def callers(rows: int) -> int:
    """How many callers appear in the reports of a day."""
    return -(-rows // len(VARIANTS))


def user_id(seed: int, caller: int) -> str | None:
    """The id of the person who calls; most callers are programs with a key."""
    return f"user_{token(seed, 'account', caller, length=24)}" if caller % 5 == 2 else None


def service_account_id(seed: int, caller: int) -> str | None:
    """The id of the service account that calls, where it is one."""
    return f"svac_{token(seed, 'service', caller, length=24)}" if caller % 5 == 4 else None


def api_key_id(seed: int, caller: int) -> str | None:
    """The id of the caller's key. The first caller has none (the Workbench)."""
    if not caller or user_id(seed, caller) or service_account_id(seed, caller):
        return None
    return f"apikey_{token(seed, 'key', caller, length=24)}"


def organization(seed: int) -> str:
    """The organization's id."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{seed}.organization"))


def _dims(seed: int, number: int) -> Dims:
    """The first caller has no key (the Workbench), every fifth is a person or a service account without one."""
    variant, caller = VARIANTS[number % len(VARIANTS)], number // len(VARIANTS)
    account, service = user_id(seed, caller), service_account_id(seed, caller)
    key = api_key_id(seed, caller)
    return (
        account, key, variant.context_window, variant.inference_geo, variant.model, service, variant.service_tier,
        variant.speed, workspace(seed, caller // 4),
    )  # fmt: skip


def _measures(rng: random.Random) -> Measures:
    uncached = int(rng.lognormvariate(11, 1.5)) + 1
    read = int(uncached * rng.random() * 6) if rng.random() < 0.6 else 0
    output = int(uncached * rng.uniform(0.05, 0.4)) + 1
    searches = rng.randint(1, 20) if rng.random() < 0.2 else 0
    return uncached, read, read // 20, read // 70, output, searches, uncached // rng.randint(300, 3000) + 1
