"""Cuts the buckets of a report into pages: a limit of buckets, and a limit of results that may split a bucket."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Generic, TypeVar

from localcloud.providers.cursors import Position
from localcloud.providers.facts import Fact

Span = TypeVar("Span")


@dataclass(frozen=True)
class BucketPage(Generic[Span]):
    """Buckets with the results that fit, and where the next page begins; None after the last."""

    buckets: list[tuple[Span, Sequence[Fact]]]
    following: Position | None


def bucket_page(
    spans: Sequence[Span], results: Callable[[Span], Sequence[Fact]], start: Position, buckets: int, size: int
) -> BucketPage[Span]:
    """At most `buckets` buckets with at most `size` results together."""
    page: list[tuple[Span, Sequence[Fact]]] = []
    number, first = start
    while number < len(spans):
        if len(page) == buckets or not size:
            return BucketPage(page, (number, first))
        found = results(spans[number])
        part = found[first : first + size]
        page.append((spans[number], part))
        if first + len(part) < len(found):
            return BucketPage(page, (number, first + len(part)))
        size -= len(part)
        number, first = number + 1, 0
    return BucketPage(page, None)


def without_amounts(results: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The results, the last `count` of them without what they cost."""
    kept = max(len(results) - count, 0)
    lost = ("amount", "currency")
    return results[:kept] + [{name: v for name, v in each.items() if name not in lost} for each in results[kept:]]


def days_between(first: date, end: date) -> list[date]:
    """The days from `first` on, before `end`."""
    return [first + timedelta(days=number) for number in range((end - first).days)]
