"""What a run has found out about its source: a fingerprint of what it read, and how that differs from before.

It travels as JSON in the event that ends the run, so that the next generation can tell whether anything has changed.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from cloudact.runs.late_data import LateDataScan, Load, loads_of
from cloudact.runs.ledger import GENERATIONS, MOST_LOOKUPS, NEARLY_ALL_LOOKUPS, RETENTION, Ledger
from cloudact.runs.run import Run, Status, run_id
from cloudact.warehouse.bigquery import Warehouse

_EXACT = Context(prec=200)  # a day's sum of NUMERICs; the default would round to 28 digits


def plain(amount: Decimal) -> str:
    """The amount without exponent and trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact_sum(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Two costs by currency together."""
    return {name: _EXACT.add(one.get(name, Decimal()), other.get(name, Decimal())) for name in sorted({*one, *other})}


def exact_difference(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The first less the second by currency; nothing where not an amount differs."""
    differences = exact_sum(one, {name: -amount for name, amount in other.items()})
    return {name: amount for name, amount in differences.items() if amount}


Amount = Annotated[Decimal, PlainSerializer(plain)]


class Completeness(StrEnum):
    """How much of the day can have been in what was read."""

    PROVISIONAL = "provisional"
    SETTLING = "settling"
    FINAL = "final"
    PARTIAL = "partial"
    FROZEN = "frozen"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class TableContent(_Fact):
    """One table's day. The digest is the same for the same rows in any order, whichever run wrote them."""

    rows: int
    digest: str = Field(description="of all columns but those that name the run")


class Source(_Fact):
    """What an export told of a day when the day's rows were read from it, before any were left out.

    Exports are only added to, so a source that no longer tells all of this has lost rows.
    """

    table: str | None = Field(description="project.dataset.table; null where an older run has not told")
    created: AwareDatetime | None = Field(description="when the table was made")
    keeps_days: float | None = Field(description="how long it keeps a partition; null where for good")
    rows: int
    cost: dict[str, Amount] = Field(description="net cost by currency")
    oldest: AwareDatetime | None = Field(description="the oldest export_time")
    newest: AwareDatetime | None = Field(description="the newest export_time")


class Fingerprint(_Fact):
    """What a run read: equal fingerprints are equal days."""

    rows: int
    cost: dict[str, Amount] = Field(description="sum of net cost by currency", examples=[{"USD": "12.5"}])
    source_as_of: AwareDatetime | None = Field(
        description="the newest export_time, or when the provider refreshed its data; null where it does not tell"
    )
    tables: dict[str, TableContent]
    source: Source | None = Field(default=None, description="of exports; null or left out elsewhere")
    unpriced: int = Field(default=0, description="cost rows that were left out, since the provider tells no amount")

    def same_rows(self, other: "Fingerprint") -> bool:
        """Whether both are of the same rows."""
        return self.tables == other.tables


class Difference(_Fact):
    """Rows and money: of one thing less another, or of a part."""

    rows: int
    cost: dict[str, Amount] = Field(description="by currency; nothing where not an amount has changed")

    @classmethod
    def of(cls, new: Fingerprint, old: Fingerprint) -> "Difference":
        """What `new` has more than `old`."""
        return cls(rows=new.rows - old.rows, cost=exact_difference(new.cost, old.cost))

    def __str__(self) -> str:
        money = ", ".join(f"{plain(amount)} {currency}" for currency, amount in self.cost.items())
        return f"{self.rows} rows" + (f" ({money})" if money else "")


class Previous(_Fact):
    """The last generation that succeeded."""

    run_id: str
    generation: int
    fingerprint: Fingerprint


class Cause(StrEnum):
    """Why a source does not tell the whole day."""

    EXPIRED = "partitions_expired"
    MOVED = "export_moved"
    RECREATED = "export_recreated"
    GONE = "rows_gone"
    NOT_COVERED = "before_export"


class Gap(_Fact):
    """What the source does not tell of a day, and what was done about it.

    `kept`: what was loaded before has stayed, and only rows that are surely new were added to it (`frozen`); else the
    day is what the source has (`partial`).
    """

    cause: Cause
    text: str = Field(description="the cause in words")
    kept: bool
    missing: Difference | None = Field(description="loaded once and no longer told; null where nobody knows")
    added: Difference | None = Field(default=None, description="rows and cost of the table that were added")
    held_back: Difference | None = Field(default=None, description="not added: they may be loaded already")


class Result(_Fact):
    """What the ledger keeps of a run that succeeded. The last two are told only where there is something to tell."""

    fingerprint: Fingerprint
    previous: Previous | None = Field(description="null for a first load, or where the last one has told nothing")
    difference: Difference | None = Field(description="null where previous is")
    unchanged: bool = Field(description="true where the tables had these rows already and nothing was loaded")
    completeness: Completeness
    look: LateDataScan | None = Field(default=None, description="what was found out about late rows of earlier dates")
    gap: Gap | None = Field(default=None, description="why the day is partial or frozen")

    @property
    def text(self) -> str:
        """As it is stored; only a run that looked for late rows, or found a gap, has these fields at all."""
        return self.model_dump_json(exclude={name for name in ("look", "gap") if getattr(self, name) is None})


@dataclass(frozen=True)
class Earlier:
    """What earlier generations left: the last that succeeded, and whether nothing can have been loaded since.

    `result` is what that one told; an end that the sweep has told has none. `day_over`: it was requested on a later
    date than the day's.
    """

    previous: Previous | None = None
    untouched: bool = False
    result: Result | None = None
    day_over: bool = False

    @property
    def settled(self) -> bool:
        """Whether the day can have been told whole, by its age and rows: an amount that was missing says nothing."""
        if self.result is None or self.result.completeness is not Completeness.PROVISIONAL:
            return self.result is not None
        fingerprint = self.result.fingerprint
        return bool(fingerprint.unpriced) and self.day_over and fingerprint.rows > 0


@dataclass(frozen=True)
class _EarlierRun:
    """A generation that may have loaded something."""

    run_id: str
    generation: int
    requested_date: dt.date
    status: Status
    result: str | None

    @property
    def stored_result(self) -> Result | None:
        """What the run found out; what the sweep ended for a container that had died knows nothing."""
        return Result.model_validate_json(self.result) if self.result is not None else None


@dataclass(frozen=True)
class _LastScan:
    result: str


class Results:
    """Reads the results of earlier runs."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def earlier(self, run: Run) -> Earlier:
        """The generations before this one, of the last two hundred. A failed one may have replaced some tables."""
        first = max(1, run.generation - GENERATIONS)
        ids = [run_id(run.org_slug, run.pipeline, run.date, number) for number in range(first, run.generation)]
        if not ids:
            return Earlier()
        runs = self._warehouse.read(
            _EarlierRun,
            "earlier_generations",
            org_slug=run.org_slug,
            first_day=run.date,
            last_day=run.requested_date,
            run_ids=ids,
        )
        loaded = next((each for each in runs if each.status is Status.SUCCESS), None)
        if loaded is None:
            return Earlier()
        result = loaded.stored_result
        return Earlier(_previous(loaded, result), runs[0] is loaded, result, loaded.requested_date > run.date)

    def last_scan(self, run: Run) -> LateDataScan | None:
        """The last look for late rows by a run of this org and pipeline: mostly yesterday's, so that comes first."""
        last = run.requested_date
        for span in (MOST_LOOKUPS, NEARLY_ALL_LOOKUPS, RETENTION):
            first = run.requested_date - span
            rows = self._warehouse.read(
                _LastScan, "last_look", org_slug=run.org_slug, pipeline=run.pipeline, first_day=first, last_day=last
            )
            if rows:
                return Result.model_validate_json(rows[0].result).look
            last = first - dt.timedelta(days=1)
        return None

    def loads(self, run: Run, dates: Collection[dt.date]) -> dict[dt.date, Load]:
        """What is known of the loads of those of these dates that were ever loaded."""
        wanted = [(run.org_slug, run.pipeline, date) for date in dates]
        return loads_of(Ledger(self._warehouse).generations(wanted, run.requested_date))


def _previous(run: _EarlierRun, result: Result | None) -> Previous | None:
    if result is None:
        return None
    return Previous(run_id=run.run_id, generation=run.generation, fingerprint=result.fingerprint)


def completeness(
    day: dt.date, read_at: dt.datetime, fingerprint: Fingerprint, restate_days: Sequence[int]
) -> Completeness:
    """By age first: after the last planned restatement a day is final, whatever a quiet source has left open.

    Before, it is provisional while it was not over when read, while the source's data ends before the day does, and
    while there is no row at all. While an amount is missing it is provisional at any age.
    """
    if fingerprint.unpriced:
        return Completeness.PROVISIONAL
    end = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(days=1)
    if read_at >= end and (read_at.astimezone(dt.UTC).date() - day).days >= max(restate_days, default=1):
        return Completeness.FINAL
    as_of = fingerprint.source_as_of
    if read_at < end or fingerprint.rows == 0 or (as_of is not None and as_of < end):
        return Completeness.PROVISIONAL
    return Completeness.SETTLING
