"""What an invented company uses of OpenAI: facts of each usage report, in the dimensions and measures of the report.

Costs follow from them by the prices of the stand-in (`localcloud.providers.openai.costs`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from localcloud.company.activity import Account, Load
from localcloud.company.names import OpenAiNames, openai_names
from localcloud.providers.facts import Dims, Fact, Measures
from localcloud.providers.openai.reports import USAGE
from localcloud.providers.openai.usage import EIGHTH_OF_GIB

TOKENS_OF_A_REQUEST = 2_400
FULL, MINI, LARGE = "gpt-5.4-2026-03-05", "gpt-5.4-mini-2026-03-05", "gpt-6-astra"
EMBEDDING, MODERATION, IMAGE, SPEECH = "text-embedding-3-small", "omni-moderation-latest", "gpt-image-2", "whisper-1"


@dataclass(frozen=True)
class _Calls:
    """Calls of a model with one key: thousands of tokens on the first Monday, uncached, from the cache, and written."""

    key: str
    model: str
    load: Load
    uncached: int
    cached: int
    output: int
    batch: bool = False
    tier: str = "default"
    source: str = "unlabeled"


COMPLETIONS = (
    _Calls("assistant-api", FULL, Load.ASSISTANT, 5_400, 7_200, 820),
    _Calls("assistant-api", MINI, Load.ASSISTANT, 21_000, 30_000, 3_100),
    _Calls("assistant-staging", MINI, Load.WORK, 900, 400, 120),
    _Calls("queries", MINI, Load.TRAFFIC, 9_000, 2_000, 700),
    _Calls("copilot", FULL, Load.TRAFFIC, 700, 900, 90, tier="priority"),
    _Calls("nightly", MINI, Load.NIGHTLY, 32_000, 0, 4_200, batch=True),
    _Calls("notebooks", LARGE, Load.WORK, 260, 120, 60, source="agents_api"),
)


@dataclass(frozen=True)
class _Count:
    """A report with one number: how much of it on the first Monday, with which key, and what else it tells apart."""

    key: str
    load: Load
    amount: int
    rest: Dims = ()


COUNTS: dict[str, tuple[_Count, ...]] = {
    "embeddings": (
        _Count("indexer", Load.NIGHTLY, 210_000_000, (EMBEDDING,)),
        _Count("queries", Load.TRAFFIC, 64_000_000, (EMBEDDING,)),
    ),
    "moderations": (_Count("assistant-api", Load.ASSISTANT, 5_200_000, (MODERATION,)),),
    "images": (_Count("notebooks", Load.WORK, 24, (IMAGE, "1024x1024", "image.generation")),),
    "audio_transcriptions": (_Count("copilot", Load.TRAFFIC, 24_000, (SPEECH,)),),
    "vector_stores": (_Count("search", Load.STEADY, 320),),
    "code_interpreter_sessions": (_Count("research", Load.WORK, 22),),
    "file_search_calls": (_Count("assistant-api", Load.ASSISTANT, 460),),
    "web_search_calls": (_Count("assistant-api", Load.ASSISTANT, 180, (FULL, "medium", "unlabeled")),),
}


def openai_day(account: Account, day: date, report: str) -> list[Fact]:
    """The facts of a usage report on the day, each with other dimensions; none of what the company does not use."""
    return [fact for fact in _facts(account, day, report) if any(fact.measures)]


def _facts(account: Account, day: date, report: str) -> Iterator[Fact]:
    names = _names(account.company)
    if report == "completions":
        for calls in COMPLETIONS:
            dims = (*_who(names, calls.key), calls.model, calls.batch, calls.tier, calls.source)
            yield Fact(dims, _tokens(account, day, calls))
    for count in COUNTS.get(report, ()):
        amount = account.used(day, count.load, f"{report}/{count.key}", count.amount)
        if USAGE[report].dims == ("project_id",):
            yield Fact(
                (names.projects[count.key].id,), (amount * EIGHTH_OF_GIB if report == "vector_stores" else amount,)
            )
        elif report == "file_search_calls":
            yield Fact((*_who(names, count.key), f"vs_{names.projects['search'].id[5:29]}"), (amount,))
        else:
            yield Fact((*_who(names, count.key), *count.rest), (amount, amount // 40 + 1 if amount else 0))


def _tokens(account: Account, day: date, calls: _Calls) -> Measures:
    """In the order of `TOKENS`."""
    name = f"{calls.key}/{calls.model}/{calls.batch}"
    uncached, cached, output = (
        account.used(day, calls.load, name, thousands * 1000)
        for thousands in (calls.uncached, calls.cached, calls.output)
    )
    requests = (uncached + cached) // TOKENS_OF_A_REQUEST
    return uncached, 0, 0, cached, 0, 0, 0, 0, output, 0, 0, requests


def _who(names: OpenAiNames, key: str) -> Dims:
    """Project, user and key: what programs call with belongs to the owner, notebooks to who researches."""
    user = names.users["research" if key == "notebooks" else "owner"]
    return names.keys[key].within, user.id, names.keys[key].id


_names = lru_cache(maxsize=4)(openai_names)
