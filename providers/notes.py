"""What is worth telling of a reading, gathered while its rows pass."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from cloudact.errors import CloudActError
from providers.dimensions import Choices
from providers.lines import exact_sum

MOST_NEW_FIELDS = 100
MOST_NAMED = 5


class ReadAgain(CloudActError):
    """A report that was given out in part must be read from its first page; the notes know what to ask for then."""


@dataclass
class PagesRead:
    """Numbers of a report's pages that were read by the column, and row by row."""

    by_column: int = 0
    by_row: int = 0


@dataclass
class Notes:
    """Notes on a reading: sentences, fields that are new to us, each once, and costs without an amount.

    Costs without an amount are all counted, and the first five named. `refused_dimensions` counts over all reports.
    """

    say: Callable[[str], None]
    new_fields: set[str] = field(default_factory=set)
    refused_dimensions: int = 0
    unpriced: int = 0
    unpriced_named: list[str] = field(default_factory=list)
    unrounded: dict[str, Decimal] = field(default_factory=dict)  # cost of the rows by currency, as it was sent
    choices: dict[str, Choices] = field(default_factory=dict)  # by report: where the search for its dimensions has come
    odd_fields: set[str] = field(default_factory=set)
    pages: dict[str, PagesRead] = field(default_factory=dict)  # by report: those that had rows
    texts: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # by dimension: different ones
    unsplit: set[str] = field(default_factory=set)  # reports that are read as a whole, since their parts were refused
    at_last: dict[str, Callable[["Notes"], str | None]] = field(default_factory=dict)  # sentences on the whole reading

    def odd(self, where: str, name: str) -> None:
        """Notes a field, no amount, that holds what it should not; each is reported once, however many rows have it."""
        named = named_oddity(where, name)
        if named not in self.odd_fields and len(self.odd_fields) < MOST_NEW_FIELDS:
            self.odd_fields.add(named)
            self.say(f"{named} is not a text in some rows, and was left empty there.")

    def pages_of(self, report: str) -> PagesRead:
        """The counts of a report's pages, to be added to."""
        return self.pages.setdefault(report, PagesRead())

    def without_amount(self, why: str, dimensions: Mapping[str, object]) -> None:
        """Notes a cost row that has no amount: where it stands, and what it is for."""
        self.unpriced += 1
        if len(self.unpriced_named) < MOST_NAMED:
            known = ", ".join(f"{name} {value}" for name, value in dimensions.items() if value is not None)
            self.unpriced_named.append(f"{why} ({known or 'without dimensions'})")

    def cost(self, currency: str, amount: Decimal) -> None:
        """Notes what rows cost before the amounts were rounded to NUMERIC."""
        self.unrounded[currency] = exact_sum(self.unrounded.get(currency, Decimal()), amount)

    def new(self, report: str, names: Iterable[str]) -> None:
        """Notes fields of this report that we do not know."""
        for name in names:
            if len(self.new_fields) < MOST_NEW_FIELDS:
                self.new_fields.add(f"{report}.{name}")


class ReportNotes(Notes):
    """Notes on one report that is read beside others, kept until the reports before it have theirs recorded."""

    def __init__(self) -> None:
        super().__init__(self._keep)
        self._told: list[Callable[[Notes], None]] = []
        self._said: set[str] = set()  # also by an earlier reading of the report

    def odd(self, where: str, name: str) -> None:
        """Notes a field as `Notes.odd` does."""
        named = named_oddity(where, name)
        if named not in self.odd_fields and len(self.odd_fields) < MOST_NEW_FIELDS:
            self.odd_fields.add(named)
            self._told.append(lambda notes: notes.odd(where, name))

    def new(self, report: str, names: Iterable[str]) -> None:
        """Notes fields as `Notes.new` does."""
        for name in names:
            if f"{report}.{name}" not in self.new_fields and len(self.new_fields) < MOST_NEW_FIELDS:
                self.new_fields.add(f"{report}.{name}")
                self._told.append(partial(Notes.new, report=report, names=[name]))

    def begin_again(self) -> None:
        """Forgets what was noted of rows and pages: the report is read again."""
        self.unpriced = 0
        self.unpriced_named.clear()
        self.unrounded.clear()
        self.pages.clear()
        self.texts.clear()

    def tell(self, notes: Notes) -> None:
        """Tells everything to the notes on the whole reading, as if it had been noted there."""
        for tell in self._told:
            tell(notes)
        notes.refused_dimensions += self.refused_dimensions
        notes.unpriced += self.unpriced
        notes.unpriced_named += self.unpriced_named[: MOST_NAMED - len(notes.unpriced_named)]
        for currency, amount in self.unrounded.items():
            notes.cost(currency, amount)
        notes.pages |= self.pages
        notes.at_last |= self.at_last
        for name, texts in self.texts.items():
            notes.texts[name] |= texts

    def _keep(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._told.append(lambda notes: notes.say(text))


def named_oddity(where: str, name: str) -> str:
    """The name under which a field that holds what it should not is recorded, once for each report."""
    return f"{where.partition(',')[0]}: {name}"
