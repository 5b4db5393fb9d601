"""What an organization used on a day: facts of each report, a pure function of seed, date and rows."""

import random
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from itertools import islice, product
from typing import Any

from localcloud.providers.facts import Dims, Fact, Measures, scaled, token
from localcloud.providers.openai.catalogue import MODELS, VARIANTS
from localcloud.providers.openai.reports import TOKENS, USAGE, Report

EIGHTH_OF_GIB = 2**27


def openai_usage(seed: int, day: date, report: str, rows: int, factor: Decimal = Decimal(1)) -> list[Fact]:
    """The facts of a usage report, each with other dimensions; `rows` of them in completions, fewer in the others.

    A fact's dimensions and measures are `USAGE[report].dims` and `.measures`.
    """
    spec = USAGE[report]
    count = -(-rows * spec.share // 1000)
    measures = _MEASURES.get(report, _pair)
    rng = random.Random(f"{seed}/{day}/{report}")
    combinations = islice(_combinations(seed, spec), count)
    return scaled((Fact(dims, measures(rng, dims)) for dims in combinations), factor)


def owners(rows: int) -> tuple[int, int]:
    """How many projects and how many callers (users with keys) appear in the reports of a day."""
    projects, callers = 0, 0
    for spec in USAGE.values():
        used = -(-rows * spec.share // 1000)
        count = -(-used // len(list(_what(0, spec))))
        callers = max(callers, count if "user_id" in spec.dims else 0)
        projects = max(projects, count if "user_id" not in spec.dims else (count + 3) // 4)
    return projects, callers


def project_id(seed: int, number: int) -> str:
    """The id of a project."""
    return f"proj_{token(seed, 'project', number)}"


def user_id(seed: int, number: int) -> str:
    """The id of a person."""
    return f"user-{token(seed, 'user', number)}"


def key_id(seed: int, caller: int) -> str:
    """The id of a caller's key."""
    return f"key_{token(seed, 'key', caller)}"


def _combinations(seed: int, spec: Report) -> Iterator[Dims]:
    """Endless: owner after owner, each with everything it can do."""
    number = 0
    while True:
        owner = _project(seed, number) if "user_id" not in spec.dims else _owner(seed, number)
        for what in _what(seed, spec):
            yield (*owner, *what)
        number += 1


def _owner(seed: int, number: int) -> Dims:
    """Project, user and key. The first has no key and no user (the playground), the second no project (deleted)."""
    project = None if number == 1 else _project(seed, number // 4)[0]
    if number == 0:
        return project, None, None
    return project, user_id(seed, number // 2), key_id(seed, number)


def _project(seed: int, number: int) -> Dims:
    return (project_id(seed, number),)


def _what(seed: int, spec: Report) -> Iterator[Dims]:
    if "service_tier" in spec.dims:
        yield from ((v.model, v.batch, v.service_tier, v.api_source) for v in VARIANTS)
        return
    choices: dict[str, tuple[Any, ...]] = {
        "model": MODELS.get(spec.name, ()),
        "size": ("1024x1024", "1792x1024"),
        "source": ("image.generation", "image.edit"),
        "vector_store_id": (f"vs_{token(seed, 'store')}",),
        "context_level": ("medium", "high"),
        "api_source": ("unlabeled",),
    }
    yield from product(*(choices[dim] for dim in spec.dims if dim in choices))


def _tokens(rng: random.Random, dims: Dims) -> Measures:
    """In the order of TOKENS. Realtime speaks, the others write; caches are hit by half of the callers."""
    amount = int(rng.lognormvariate(11, 1.5)) + 1
    cached = int(amount * rng.random() * 3) if rng.random() < 0.5 else 0
    written = amount // 10 if cached else 0
    output = int(amount * rng.uniform(0.05, 0.4)) + 1
    requests = amount // rng.randint(300, 3000) + 1
    if dims[3] == "gpt-realtime-2":
        return amount // 8, amount, 0, 0, cached, 0, 0, 0, output // 9, output, 0, requests
    return amount, 0, 0, cached, 0, 0, written, written // 7, output, 0, 0, requests


def _pair(rng: random.Random, dims: Dims) -> Measures:  # noqa: ARG001 - as the others
    amount = int(rng.lognormvariate(6, 2)) + 1
    return amount, amount // rng.randint(2, 50) + 1


def _single(rng: random.Random, dims: Dims) -> Measures:  # noqa: ARG001
    return (rng.randint(1, 400),)


def _bytes(rng: random.Random, dims: Dims) -> Measures:  # noqa: ARG001
    return (rng.randint(1, 800) * EIGHTH_OF_GIB,)


_MEASURES: dict[str, Callable[[random.Random, Dims], Measures]] = {
    "completions": _tokens,
    "decisions": _tokens,
    "vector_stores": _bytes,
    "code_interpreter_sessions": _single,
    "file_search_calls": _single,
}
assert len(TOKENS) == 12  # noqa: S101 - `_tokens` counts on it
