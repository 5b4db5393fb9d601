"""How many rows tables have, as counted before: each query asks it of every table that it reads, for its bytes."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable

MAX_REMEMBERED = 5000
ALL = "TRUE"  # the condition of a table's count


class RowCounts:
    """The latest counts, whole tables' and of their rows of a condition. Whoever writes rows forgets a table's."""

    def __init__(self, max_remembered: int = MAX_REMEMBERED) -> None:
        self._max_remembered = max_remembered
        self._known: OrderedDict[tuple[Hashable, int, int, Hashable], int] = OrderedDict()
        self._writes: Counter[Hashable] = Counter()
        self._of_all = 0

    def __len__(self) -> int:
        return len(self._known)

    def of(self, table: Hashable, rows: Hashable, count: Callable[[], int]) -> int:
        """The number of those rows of the table; `count` is asked if it does not follow from what is known."""
        key = (table, self._writes[table], self._of_all, rows)
        if key not in self._known:
            self._known[key] = count() if self._known.get((*key[:3], ALL)) != 0 else 0
            if len(self._known) > self._max_remembered:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def added(self, table: Hashable, number: int) -> None:
        """So many rows were added to the table: it has so many more; what conditions have counted is forgotten."""
        known = self._known.get((table, self._writes[table], self._of_all, ALL))
        self.forget([table])
        if known is not None:
            self.of(table, ALL, lambda: known + number)

    def begin(self, table: Hashable) -> None:
        """The table is new, and has no rows."""
        self.forget([table])
        self.of(table, ALL, lambda: 0)

    def forget(self, tables: Iterable[Hashable]) -> None:
        """Rows of these were written or deleted, or may have been."""
        self._writes.update(tables)

    def forget_all(self) -> None:
        """Rows of any table may have been written."""
        self._known.clear()
        self._of_all += 1
