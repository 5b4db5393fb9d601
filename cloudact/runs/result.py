"""Results of runs: a fingerprint of what was read, and how that differs from before.

A result travels as JSON in the event that ends the run, so that the next generation can see whether anything changed.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    """Text of the amount without exponent and trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact_sum(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Sum of two costs, by currency."""
    return {name: _EXACT.add(one.get(name, Decimal()), other.get(name, Decimal())) for name in sorted({*one, *other})}


def exact_difference(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """First costs less the second, by currency; empty if all amounts are equal."""
    differences = exact_sum(one, {name: -amount for name, amount in other.items()})
    return {name: amount for name, amount in differences.items() if amount}


Amount = Annotated[Decimal, PlainSerializer(plain)]


class Completeness(StrEnum):
    """Completeness of the day in what was read."""

    PROVISIONAL = "provisional"
    SETTLING = "settling"
    FINAL = "final"
    PARTIAL = "partial"
    FROZEN = "frozen"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class TableContent(_Fact):
    """Content of one table's day. The digest is equal for equal rows in any order, whichever run wrote them."""

    rows: int
    digest: str = Field(description="of all columns but those that name the run")


class SourceDay(_Fact):
    """Facts of an export's day when its rows were read, before any were left out.

    Rows are only added to an export, so one that later has less than this has lost rows.
    """

    table: str | None = Field(description="project.dataset.table; null where an older run has not told")
    created: AwareDatetime | None = Field(description="when the table was made")
    keeps_days: float | None = Field(description="how long it keeps a partition; null where for good")
    rows: int
    cost: dict[str, Amount] = Field(description="net cost by currency")
    oldest: AwareDatetime | None = Field(description="the oldest export_time")
    newest: AwareDatetime | None = Field(description="the newest export_time")


class Fingerprint(_Fact):
    """Content of a run's day: equal fingerprints are equal days."""

    rows: int
    cost: dict[str, Amount] = Field(description="sum of net cost by currency", examples=[{"USD": "12.5"}])
    credits: dict[str, Amount] | None = Field(
        default=None,
        description="the part of cost that is charges of the category Credit, by currency; null where that is not told",
    )
    source_as_of: AwareDatetime | None = Field(
        description="the newest export_time, or when the provider refreshed its data; null where it does not tell"
    )
    tables: dict[str, TableContent]
    source: SourceDay | None = Field(default=None, description="of exports; null or left out elsewhere")
    unpriced: int = Field(default=0, description="cost rows that were left out, since the provider tells no amount")

    def same_rows(self, other: "Fingerprint") -> bool:
        """Whether both days consist of the same rows."""
        return self.tables == other.tables


class Difference(_Fact):
    """Number of rows and costs by which two days differ, or that a part of a day has."""

    rows: int
    cost: dict[str, Amount] = Field(description="by currency; nothing where not an amount has changed")

    @classmethod
    def of(cls, new: Fingerprint, old: Fingerprint) -> "Difference":
        """Rows and costs of `new` less those of `old`."""
        return cls(rows=new.rows - old.rows, cost=exact_difference(new.cost, old.cost))

    def __str__(self) -> str:
        money = ", ".join(f"{plain(amount)} {currency}" for currency, amount in self.cost.items())
        return f"{self.rows} rows" + (f" ({money})" if money else "")


@dataclass(frozen=True)
class CostFall:
    """Amount of a day in one currency that has become less than half of the greatest it had."""

    currency: str
    before: Decimal
    after: Decimal


class Previous(_Fact):
    """Last generation that succeeded."""

    run_id: str
    generation: int
    fingerprint: Fingerprint


class Cause(StrEnum):
    """Reason why a source does not have the whole day."""

    EXPIRED = "partitions_expired"
    MOVED = "export_moved"
    RECREATED = "export_recreated"
    GONE = "rows_gone"
    NOT_COVERED = "before_export"


class Gap(_Fact):
    """Rows and costs that the source lacks of a day, and what the run did about it.

    `kept`: the rows loaded before stay, and only rows that are surely new were added (`frozen`); otherwise the day is
    what the source has (`partial`).
    """

    cause: Cause
    text: str = Field(description="the cause in words")
    kept: bool
    missing: Difference | None = Field(description="loaded once and no longer told; null where nobody knows")
    added: Difference | None = Field(default=None, description="rows and cost of the table that were added")
    held_back: Difference | None = Field(default=None, description="not added: they may be loaded already")


class ChangeCause(StrEnum):
    """Reason why a run has replaced a day."""

    FIRST_LOAD = "first_load"
    LATE_ROWS = "late_rows"
    CORRECTION = "provider_correction"
    FORCED = "forced"
    CODE = "code"


class Result(_Fact):
    """Result of a run that succeeded, as the ledger stores it. The last three fields are set only where they apply."""

    fingerprint: Fingerprint
    previous: Previous | None = Field(description="null for a first load, or where the last one has told nothing")
    difference: Difference | None = Field(description="null where previous is")
    unchanged: bool = Field(description="true where the tables had these rows already and nothing was loaded")
    completeness: Completeness
    look: LateDataScan | None = Field(default=None, description="what was found out about late rows of earlier dates")
    gap: Gap | None = Field(default=None, description="why the day is partial or frozen")
    cause: ChangeCause | None = Field(
        default=None, description="why the day was replaced; null where nobody knows, and where it was not"
    )

    @property
    def text(self) -> str:
        """JSON for the event row; `look`, `gap` and `cause` are omitted where the run has none."""
        return self.model_dump_json(exclude={name for name in ("look", "gap", "cause") if getattr(self, name) is None})


class HalfLoad(_Fact):
    """What a FAILED run leaves that had replaced some of its tables: the stored result of such a run.

    Costs are loaded last, so it is they that still are of an earlier run.
    """

    replaced: tuple[str, ...] = Field(
        description="tables whose day is this run's; its other tables have the day of an earlier run, or nothing",
        examples=[["openai_usage_daily_raw"]],
    )

    @property
    def text(self) -> str:
        """JSON for the fence and the event row."""
        return self.model_dump_json()


@dataclass(frozen=True)
class Earlier:
    """Earlier generations of a run: the last that succeeded, and whether nothing can have been loaded since.

    `result` is that generation's; one that the sweep ended has none. `day_over`: its request came after the day was
    over. `version` is that of the pipeline's file that it was worked with, where known. `highest` is, by
    currency, the fingerprint with the greatest amount since a run was last forced, and `highest_settled` that among
    days that were read whole: who judges a fall by the last load alone is led down in steps.
    """

    previous: Previous | None = None
    untouched: bool = False
    result: Result | None = None
    day_over: bool = False
    version: str | None = None
    highest: Mapping[str, Fingerprint] = field(default_factory=dict)
    highest_settled: Mapping[str, Fingerprint] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether the day was read whole, by its age and rows.

        Amounts that were missing then do not count against it.
        """
        return self.result is not None and _settled(self.result, self.day_over)


def _settled(result: Result, day_over: bool) -> bool:
    if result.completeness is not Completeness.PROVISIONAL:
        return True
    return bool(result.fingerprint.unpriced) and day_over and result.fingerprint.rows > 0


@dataclass(frozen=True)
class _EarlierRun:
    """Earlier generation that may have loaded something."""

    run_id: str
    generation: int
    requested_date: dt.date
    status: Status
    result: str | None
    forced: bool
    pipeline_version: str | None

    @property
    def stored_result(self) -> Result | None:
        """Result of the run; `None` for a run that the sweep ended for a container that had died."""
        return Result.model_validate_json(self.result) if self.result is not None else None


@dataclass(frozen=True)
class _LastScan:
    result: str


class Results:
    """Reads the results of earlier runs."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def earlier(self, run: Run) -> Earlier:
        """Generations before this one, of the last 200. A failed one may have replaced some tables."""
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
        known = list(_since_forced(runs, run.date))
        return Earlier(
            previous=_previous(loaded, result),
            untouched=runs[0] is loaded,
            result=result,
            day_over=loaded.requested_date > run.date,
            version=loaded.pipeline_version,
            highest=_highest(each for each, _ in known),
            highest_settled=_highest(each for each, settled in known if settled),
        )

    def last_scan(self, run: Run) -> LateDataScan | None:
        """Last scan for late rows by a run of this org and pipeline.

        Mostly that is yesterday's, so newer days are read first.
        """
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
        """Loads of those of these dates that were ever loaded."""
        wanted = [(run.org_slug, run.pipeline, date) for date in dates]
        return loads_of(Ledger(self._warehouse).generations(wanted, run.requested_date))


def _previous(run: _EarlierRun, result: Result | None) -> Previous | None:
    if result is None:
        return None
    return Previous(run_id=run.run_id, generation=run.generation, fingerprint=result.fingerprint)


def _since_forced(runs: Iterable[_EarlierRun], day: dt.date) -> Iterator[tuple[Result, bool]]:
    """Results from the newest back to the last one that someone forced, each with whether the day was read whole."""
    for run in runs:
        if run.status is Status.SUCCESS:
            if result := run.stored_result:
                yield result, _settled(result, run.requested_date > day)
            if run.forced:
                return


def _highest(results: Iterable[Result]) -> dict[str, Fingerprint]:
    """Fingerprint with the greatest amount, or the greatest credit, of each currency."""
    found: dict[str, Fingerprint] = {}
    for result in results:
        for currency, amount in result.fingerprint.cost.items():
            if currency not in found or abs(amount) > abs(found[currency].cost[currency]):
                found[currency] = result.fingerprint
    return found


def completeness(
    day: dt.date, read_at: dt.datetime, fingerprint: Fingerprint, restate_days: Sequence[int]
) -> Completeness:
    """Completeness of a day by its age: final after the last planned restatement, whatever a quiet source lacks.

    Earlier, it is provisional if the day was not over when it was read, the source's newest data ends before the day
    does, or no row was read. While an amount is missing the day is provisional at any age.
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
