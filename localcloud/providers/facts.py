"""What happened on a day, in its finest parts: dimensions and measures. Grouping and scaling; knows no vendor."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

Dims = tuple[Any, ...]
Measures = tuple[Any, ...]


class Fact(NamedTuple):
    """Measures of one combination of dimensions; what the positions mean is the report's business."""

    dims: Dims
    measures: Measures


def grouped(
    facts: Iterable[Fact], names: Sequence[str], by: Collection[str], only: Mapping[str, Collection[Any]] | None = None
) -> list[Fact]:
    """The facts with allowed values (`only`), summed over the dimensions not in `by`, whose places become None."""
    allowed = [(names.index(name), values) for name, values in (only or {}).items()]
    if allowed:
        facts = (fact for fact in facts if all(fact.dims[place] in values for place, values in allowed))
    if set(names) <= set(by):
        return summed(facts)
    kept = [place if name in by else None for place, name in enumerate(names)]
    return summed(
        Fact(tuple([None if place is None else fact.dims[place] for place in kept]), fact.measures) for fact in facts
    )


def summed(facts: Iterable[Fact]) -> list[Fact]:
    """One fact for each combination of dimensions, in the order of their first."""
    sums: dict[Dims, Measures] = {}
    for dims, measures in facts:
        before = sums.get(dims)
        sums[dims] = measures if before is None else tuple(map(_plus, before, measures))
    return [Fact(dims, measures) for dims, measures in sums.items()]


def scaled(facts: Iterable[Fact], factor: Decimal) -> list[Fact]:
    """Whole measures times `factor`, rounded down; a factor of 0 leaves nothing."""
    if factor == 1:
        return list(facts)
    if factor == 0:
        return []
    return [Fact(dims, tuple(int(measure * factor) for measure in measures)) for dims, measures in facts]


def token(*parts: object, length: int = 16) -> str:
    """An id that depends on nothing but the parts."""
    return sha256("/".join(map(str, parts)).encode()).hexdigest()[:length]


def fields(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Names with their values."""
    return dict(zip(names, values, strict=True))


def _plus(one: Any, other: Any) -> Any:
    """The sum; None is the absence of a number."""
    if one is None or other is None:
        return other if one is None else one
    return one + other
