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

from cloudact.late_rows import Load, Look, loads_of
from cloudact.ledger import FRESH, GENERATIONS, RECENT, RETENTION, Ledger
from cloudact.runs import Run, Status, run_id
from cloudact.warehouse import Warehouse

_EXACT = Context(prec=200)  # a day's sum of NUMERICs; the default would round to 28 digits


def plain(amount: Decimal) -> str:
    """The amount without exponent and trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


Amount = Annotated[Decimal, PlainSerializer(plain)]


class Completeness(StrEnum):
    """How much of the day can have been in what was read."""

    PROVISIONAL = "provisional"
    SETTLING = "settling"
    FINAL = "final"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class TableContent(_Fact):
    """One table's day. The digest is the same for the same rows in any order, whichever run wrote them."""

    rows: int
    digest: str = Field(description="of all columns but those that name the run")


class Fingerprint(_Fact):
    """What a run read: equal fingerprints are equal days."""

    rows: int
    cost: dict[str, Amount] = Field(description="sum of net cost by currency", examples=[{"USD": "12.5"}])
    source_as_of: AwareDatetime | None = Field(
        description="the newest export_time, or when the provider refreshed its data; null where it does not tell"
    )
    tables: dict[str, TableContent]

    def same_rows(self, other: "Fingerprint") -> bool:
        """Whether both are of the same rows."""
        return self.tables == other.tables


class Difference(_Fact):
    """A generation less the one before it."""

    rows: int
    cost: dict[str, Amount] = Field(description="by currency; nothing where not an amount has changed")

    @classmethod
    def of(cls, new: Fingerprint, old: Fingerprint) -> "Difference":
        """What `new` has more than `old`."""
        zero = Decimal()
        changes = {
            currency: _EXACT.subtract(new.cost.get(currency, zero), old.cost.get(currency, zero))
            for currency in sorted({*new.cost, *old.cost})
        }
        return cls(rows=new.rows - old.rows, cost={name: change for name, change in changes.items() if change})


class Previous(_Fact):
    """The last generation that succeeded."""

    run_id: str
    generation: int
    fingerprint: Fingerprint


class Result(_Fact):
    """What the ledger keeps of a run that succeeded. The last is that of a run that looked for late rows."""

    fingerprint: Fingerprint
    previous: Previous | None = Field(description="null for a first load, or where the last one has told nothing")
    difference: Difference | None = Field(description="null where previous is")
    unchanged: bool = Field(description="true where the tables had these rows already and nothing was loaded")
    completeness: Completeness
    look: Look | None = Field(default=None, description="what was found out about late rows of earlier dates")

    @property
    def text(self) -> str:
        """As it is stored; only a run that looked for late rows has the last field at all."""
        return self.model_dump_json(exclude={"look"} if self.look is None else None)


@dataclass(frozen=True)
class Earlier:
    """What earlier generations left: the last that succeeded, and whether nothing can have been loaded since."""

    previous: Previous | None = None
    untouched: bool = False


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
        rows = self._warehouse.rows(
            "earlier_generations",
            org_slug=run.org_slug,
            first_day=run.date,
            last_day=run.requested_date,
            run_ids=ids,
        )
        loaded = [row for row in rows if row["status"] == Status.SUCCESS]
        return Earlier(_previous(loaded[0]), rows[0] is loaded[0]) if loaded else Earlier()

    def last_look(self, run: Run) -> Look | None:
        """The last look for late rows by a run of this org and pipeline: mostly yesterday's, so that comes first."""
        last = run.requested_date
        for span in (FRESH, RECENT, RETENTION):
            first = run.requested_date - span
            found = self._warehouse.rows(
                "last_look", org_slug=run.org_slug, pipeline=run.pipeline, first_day=first, last_day=last
            )
            if found:
                return Result.model_validate_json(found[0]["result"]).look
            last = first - dt.timedelta(days=1)
        return None

    def loads(self, run: Run, dates: Collection[dt.date]) -> dict[dt.date, Load]:
        """What is known of the loads of those of these dates that were ever loaded."""
        wanted = [(run.org_slug, run.pipeline, date) for date in dates]
        return loads_of(Ledger(self._warehouse).generations(wanted, run.requested_date))


def _previous(row: Mapping[str, object]) -> Previous | None:
    """What the sweep ended for a container that had died knows no result."""
    if row["result"] is None:
        return None
    found = Result.model_validate_json(str(row["result"])).fingerprint
    return Previous.model_validate({"run_id": row["run_id"], "generation": row["generation"], "fingerprint": found})


def completeness(
    day: dt.date, read_at: dt.datetime, fingerprint: Fingerprint, restate_days: Sequence[int]
) -> Completeness:
    """By age first: after the last planned restatement a day is final, whatever a quiet source has left open.

    Before, it is provisional while it was not over when read, while the source's data ends before the day does, and
    while there is no row at all.
    """
    end = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(days=1)
    if read_at >= end and (read_at.astimezone(dt.UTC).date() - day).days >= max(restate_days, default=1):
        return Completeness.FINAL
    as_of = fingerprint.source_as_of
    if read_at < end or fingerprint.rows == 0 or (as_of is not None and as_of < end):
        return Completeness.PROVISIONAL
    return Completeness.SETTLING
