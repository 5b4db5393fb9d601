"""What other labels would change: the sums of their values in some days, as they are and as they would be."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cloudact.costs.labels import Label, label_named
from cloudact.warehouse.queries import Query, Value
from functions.costs.answer import ZERO
from functions.costs.question import Days
from functions.costs.statement import statement_of_trial

Rows = Sequence[Mapping[str, Any]]
Ask = Callable[[Query, dict[str, Value]], Rows]


@dataclass(frozen=True)
class LabelChange:
    """Sums of a label's value in a currency, before and after; the value `None` is what is unattributed."""

    label: str
    currency: str
    value: str | None
    before: Decimal
    after: Decimal


def changes_of(ask: Ask, days: Days, before: Iterable[Label], after: Iterable[Label]) -> list[LabelChange]:
    """Sums of all values of the labels that differ, by one query, or none where none differs. `ask` answers it.

    Before there is a label, all is unattributed. The largest sums come first, and what is unattributed last.
    """
    old, new = list(before), list(after)
    names = [name for name in dict.fromkeys(label.name for label in (*new, *old)) if _differs(name, old, new)]
    if not names:
        return []
    tried = [label_named(labels, name) for name in names for labels in (old, new)]
    sums: dict[tuple[str, str, str | None], list[Decimal]] = {}
    for row in ask(*statement_of_trial(days, tried)):
        place, side = divmod(row["number"] - 1, 2)
        pair = sums.setdefault((names[place], row["currency"], row["value"]), [ZERO, ZERO])
        pair[side] = row["amount"] or ZERO
    found = [LabelChange(*of, *pair) for of, pair in sums.items()]
    return sorted(found, key=lambda each: (names.index(each.label), each.currency, *_size(each)))


def _differs(name: str, old: Iterable[Label], new: Iterable[Label]) -> bool:
    return label_named(old, name) != label_named(new, name)


def _size(change: LabelChange) -> tuple[bool, Decimal, str]:
    return change.value is None, -max(abs(change.before), abs(change.after)), change.value or ""
