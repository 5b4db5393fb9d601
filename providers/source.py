"""What a provider's folder gives to a run: a `Source`, opened from a `SourceContext`. Only jobs load.

A source says which tables it fills, and gives their rows as mappings by column, or as Arrow record batches. A table's
columns are those of its DDL: what a row leaves out is NULL, and the run's own columns (org_slug, run_id, ingested_at)
are added to rows that lack them. What only some sources can do are protocols of their own: `SideBySide`, `TellsTotal`,
`TellsLateRows`, `TellsFindings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, CloudActError, Stop
from cloudact.orgs.integrations import UsableIntegration
from cloudact.pipelines.yaml_files import Strict
from cloudact.runs.result import Gap, SourceDay
from cloudact.runs.run import Run
from cloudact.settings import Settings
from providers.http import Patience, Time
from providers.org_day import OrgDay

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

    from providers.calls import Calls
    from providers.notes import Notes

NOTHING_REPORTED = "The provider reports nothing for this date: either nothing was used, or it is not told yet."
Row: TypeAlias = Mapping[str, object]


class NotOffered(CloudActError):
    """The provider does not offer this report to this account, or cannot tell it; the others are read nevertheless."""


@dataclass(frozen=True)
class Table:
    """One of the org's tables, which a source fills; its columns are in its DDL.

    `money` is the column of what is paid, in the currency of the column `currency`. `as_of` is the column that says
    when the provider wrote or refreshed a row, which is no part of what the row says. `credits_below_zero`: its rows
    below zero, and no others, have ChargeCategory Credit in the provider's view of charges.
    """

    name: str
    money: str | None = None
    as_of: str | None = None
    credits_below_zero: bool = False

    @property
    def of_money(self) -> bool:
        """Whether the table holds what is paid; trouble with any other table is a message, and stops no load."""
        return self.money is not None


TableRows: TypeAlias = "tuple[Table, Iterator[Row | pa.RecordBatch]]"
"""A table and rows of its day, read while they are iterated. The iterator may raise `NotOffered` at first."""


@dataclass(frozen=True)
class Chain:
    """Rows of a table that are read one after another, from the pages of one report: all of its day or a part of it.

    `read` gives the rows, each read when it is asked for; called again, it reads from the first page. It or its rows
    may raise `NotOffered`.
    """

    table: Table
    read: Callable[[Notes, Calls], Iterator[Row | pa.RecordBatch]]


class Progress(Protocol):
    """The step at work, as the run's owner sees it."""

    def message(self, text: str, level: str = "INFO") -> None:
        """Tells the run's owner something; `level` is INFO or WARNING."""

    def beat(self, text: str, rows: int | None = None) -> None:
        """Says how far the step is, at any rate. Raises `Skip` where the run is unwanted by now."""


class Source(Protocol):
    """One provider's data of one UTC day. Every method may be called again after a `Retry`."""

    @property
    def name(self) -> str:
        """The provider's name in sentences."""

    @property
    def fills(self) -> Sequence[Table]:
        """Every table that it may fill."""

    @property
    def bytes_billed(self) -> int:
        """Bytes of queries that the customer has paid for so far."""

    def prepare(self, config: Strict, progress: Progress) -> int | None:
        """Does a step that comes before the load; gives how many rows it made, `None` where it makes none."""

    def chains(self) -> Sequence[Chain]:
        """The chains of rows, as the prepared steps want them. A table may have several."""


@runtime_checkable
class SideBySide(Protocol):
    """A source whose chains may be read at the same time, each by a thread of its own."""

    def break_off(self) -> None:
        """Ends all calls that wait for an answer, so that no thread outlives its run by long."""


@runtime_checkable
class TellsTotal(Protocol):
    """A source whose provider tells a total of its own, to compare the rows with."""

    def total(self, notes: Notes, calls: Calls) -> Mapping[str, Decimal]:
        """The provider's own total of the day by currency, in the unit of the money column."""


@runtime_checkable
class TellsLateRows(Protocol):
    """A source that knows of rows which came late for earlier dates."""

    @property
    def looks_into(self) -> str:
        """The place that is scanned for late rows; a watermark counts for that place only."""

    @property
    def late_days(self) -> int:
        """Days after a date within which its rows are still loaded."""

    def late_dates(self, watermark: datetime | None, progress: Progress) -> Mapping[date, datetime]:
        """Dates with rows that are newer than the watermark, and when the newest of each was written."""


@dataclass(frozen=True)
class Findings:
    """Facts a source found about the day. `nothing` says why it has no rows, `gap_told` tells the org of the gap."""

    read_from: SourceDay | None = None
    gap: Gap | None = None
    gap_told: str = ""
    nothing: str = NOTHING_REPORTED


@runtime_checkable
class TellsFindings(Protocol):
    """A source that finds out more about the day than its rows."""

    def findings(self) -> Findings:
        """The findings about the day, once all rows have been read."""


@dataclass(frozen=True)
class SourceContext:
    """The inputs of a source. Rows that come after `read_at`, the run's first start, do not count.

    `url` is where the provider's API is; `foreign_keys` says, by their beginning, whose keys are not its own.
    `day` is what the org's own tables have of the day. `http` builds the one client of this container, and `break_off`
    ends its calls at work.
    """

    run: Run
    read_at: datetime
    integration: UsableIntegration
    credential: bytes = field(repr=False)
    settings: Settings
    url: str
    foreign_keys: Mapping[str, str]
    day: OrgDay
    http: Callable[[], httpx.Client] = field(repr=False)
    patience: Patience
    time: Time
    break_off: Callable[[], None] = lambda: None


def unknown_step(source: str, config: Strict) -> Stop:
    """The `Stop` for a step that the source of this name does not do."""
    return Stop(Code.MISCONFIGURED, f"{source} has no step like {config!r}.", CONTACT_SUPPORT)
