"""What an invented company uses of Anthropic: facts of its model usage. Costs follow by the prices of the stand-in."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from localcloud.company.activity import Account, Load
from localcloud.company.names import AnthropicNames, anthropic_names
from localcloud.providers.anthropic.catalogue import Variant
from localcloud.providers.facts import Dims, Fact, Measures

TOKENS_OF_A_REQUEST = 3_100
OPUS, SONNET, HAIKU = "claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5-20251001"


@dataclass(frozen=True)
class _Calls:
    """Calls in one way: thousands of tokens on the first Monday, uncached, from the cache, and written; searches.

    Without a key it is a person's, in the Console or Claude Code.
    """

    workspace: str
    variant: Variant
    load: Load
    uncached: int
    read: int
    output: int
    key: str | None = None
    searches: int = 0


CALLS = (
    _Calls("Support", Variant(SONNET, "standard"), Load.TRAFFIC, 3_300, 9_800, 480, "answers", searches=40),
    _Calls("Support", Variant(HAIKU, "standard"), Load.TRAFFIC, 7_600, 3_000, 640, "triage"),
    _Calls("Engineering", Variant(OPUS, "standard"), Load.WORK, 900, 6_400, 230),
    _Calls("Engineering", Variant(SONNET, "standard"), Load.WORK, 700, 3_900, 150, "ci"),
    _Calls("Evaluations", Variant(SONNET, "batch"), Load.NIGHTLY, 2_100, 0, 260, "evals"),
    _Calls("Default", Variant(OPUS, "standard"), Load.WORK, 60, 90, 16),
)


def anthropic_day(account: Account, day: date) -> list[Fact]:
    """The facts of the day's usage, in the dimensions and measures of `localcloud.providers.anthropic.usage`."""
    names = _names(account.company)
    facts = [Fact(_dims(names, calls), _measures(account, day, calls)) for calls in CALLS]
    return [fact for fact in facts if any(fact.measures)]


def developers(account: Account, day: date) -> int:
    """How many people and programs use Claude Code on the day."""
    return account.used(day, Load.WORK, "claude code", 14)


def _dims(names: AnthropicNames, calls: _Calls) -> Dims:
    person = None if calls.key else names.users["research" if calls.workspace == "Default" else "owner"].id
    key = names.keys[calls.key].id if calls.key else None
    of = calls.variant
    workspace = names.workspaces[calls.workspace].id
    return person, key, of.context_window, of.inference_geo, of.model, None, of.service_tier, of.speed, workspace


def _measures(account: Account, day: date, calls: _Calls) -> Measures:
    name = f"{calls.workspace}/{calls.variant.model}"
    uncached, read, output = (
        account.used(day, calls.load, name, thousands * 1000)
        for thousands in (calls.uncached, calls.read, calls.output)
    )
    searches = account.used(day, calls.load, name, calls.searches)
    return uncached, read, read // 16, read // 80, output, searches, (uncached + read) // TOKENS_OF_A_REQUEST


_names = lru_cache(maxsize=4)(anthropic_names)
