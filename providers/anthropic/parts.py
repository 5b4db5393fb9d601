"""Parts of a day's report by inference geography and speed, which are asked for one after the other.

A question takes five dimensions; price and showback need seven. So a first question tells which geographies and speeds
a day has, and then each is asked for by itself, by the five others. Knows no report and no page.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from providers.http import Refused
from providers.notes import Notes, ReadAgain
from providers.pages import Pair

SPLIT_BY = ("inference_geo", "speed")
Item = TypeVar("Item")


class PriceKind(NamedTuple):
    """What the rows of a day have in common: a geography and a speed, in costs a type; `None` where nothing is said."""

    inference_geo: str | None
    speed: str | None
    cost_type: str | None = None


@dataclass(frozen=True)
class Part:
    """Rows that are read by one question: `columns` that all of them have, `filters` that ask for them alone."""

    columns: Mapping[str, str | None]
    filters: tuple[Pair, ...] = ()


WHOLE = Part(dict.fromkeys(SPLIT_BY))


def parts_of(found: Collection[PriceKind]) -> Sequence[Part]:
    """Parts that each row is in one of; the report as a whole where that cannot be asked for.

    Null is no value to ask for. Costs that are not of tokens have neither geography nor speed: they are asked for by
    their types, unless other rows have the same.
    """
    told = {kind for kind in found if kind.inference_geo or kind.speed}
    others = {kind.cost_type for kind in found if kind not in told}
    dimensions = [name for name in SPLIT_BY if all(getattr(kind, name) for kind in told)]
    if not told or not dimensions or None in others or others & {kind.cost_type for kind in told}:
        return [WHOLE]
    values = sorted({tuple(str(getattr(kind, name)) for name in dimensions) for kind in told})
    if len(values) == 1 and not others:
        return [Part({**WHOLE.columns, **dict(zip(dimensions, values[0], strict=True))})]
    split = [_part(dict(zip(dimensions, each, strict=True))) for each in values]
    types = tuple(("cost_types[]", str(each)) for each in sorted(others, key=str))
    return [*split, Part(WHOLE.columns, types)] if types else split


def _part(values: Mapping[str, str]) -> Part:
    return Part({**WHOLE.columns, **values}, tuple((f"{name}s[]", value) for name, value in values.items()))


def by_part(
    kinds: Callable[[], Iterable[PriceKind]], read: Callable[[Part], Iterator[Item]], report: str, notes: Notes
) -> Iterator[Item]:
    """Yields what `read` finds of each part. `kinds` asks which geographies and speeds there are.

    Raises `ReadAgain` where a part is refused: the next reading is of the whole.
    """
    for part in [WHOLE] if report in notes.unsplit else parts_of(set(kinds())):
        try:
            yield from read(part)
        except Refused as err:
            if not part.filters or err.refusal.status not in (400, 422):
                raise
            notes.unsplit.add(report)
            notes.choices.pop(report, None)  # it was no dimension that was minded
            reason = (err.refusal.message or f"HTTP {err.refusal.status}").rstrip(".")
            notes.say(
                f"{report} was read without telling {' and '.join(SPLIT_BY)} apart, which is refused here: {reason}. "
                "Nothing is missing from the sum."
            )
            raise ReadAgain(f"{report} must be read again.") from err
