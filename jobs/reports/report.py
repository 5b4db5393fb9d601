"""What a report is to the processor: rows of one table of ours, page by page, and the provider's own total."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from cloudact.errors import CloudActError

Row = Mapping[str, Any]


class NotOffered(CloudActError):
    """The provider does not offer this report to this account; the others are read nevertheless."""


@dataclass(frozen=True)
class Column:
    """One column of a table: its GoogleSQL type, and whether each row has it."""

    name: str
    type: str
    required: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the org's dataset, without the columns that every table has."""

    name: str
    columns: Sequence[Column]


MOST_NEW_FIELDS = 100


@dataclass
class Notes:
    """What is worth telling of a reading: sentences, and fields that are new to us, each once."""

    say: Callable[[str], None]
    new_fields: set[str] = field(default_factory=set)

    def new(self, report: str, names: Iterable[str]) -> None:
        """Fields of this report that we do not know."""
        for name in names:
            if len(self.new_fields) < MOST_NEW_FIELDS:
                self.new_fields.add(f"{report}.{name}")


class Reports(Protocol):
    """One provider's reports of one UTC day."""

    name: str

    def rows(self, reports: Sequence[str]) -> Sequence[tuple[Table, Iterator[Row]]]:
        """Each table with its rows, read while they are iterated; the iterators may raise `NotOffered` at first."""

    def total(self) -> Mapping[str, Decimal]:
        """The provider's own total of the day by currency, in the unit of the rows' `amount`."""
