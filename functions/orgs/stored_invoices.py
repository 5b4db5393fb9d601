"""Stored invoices of orgs. Rows are only added; the newest of an issuer and number counts, and a void one ends it."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from cloudact.clock import Clock
from cloudact.runs.result import plain
from cloudact.warehouse.bigquery import Warehouse


@dataclass(frozen=True)
class Invoice:
    """Invoice of a provider; amounts are in `currency`, `None` where they are not known.

    `invoice_month` is YYYYMM. `total` is what is to be paid, `tax` the tax in it; `credits` are zero or below.
    """

    issuer: str
    number: str
    invoice_month: str
    currency: str
    total: Decimal
    tax: Decimal | None = None
    credits: Decimal | None = None
    priority_tier: Decimal | None = None
    issued_on: date | None = None
    is_void: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Issuer and number, which name it; capitals do not matter."""
        return key_of(self.issuer, self.number)


@dataclass(frozen=True)
class StoredInvoice(Invoice):
    """Invoice with who recorded it and when. `entries` counts its rows that are not void: one, and more for changes."""

    recorded_at: datetime = field(kw_only=True)
    recorded_by: str = field(kw_only=True)
    entries: int = field(kw_only=True)

    def says(self, told: Invoice) -> bool:
        """Whether it is the same in every word and amount."""
        return all(getattr(self, name) == value for name, value in vars(told).items())


class Invoices:
    """Reads and adds invoices; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    def all(self, org_slug: str) -> list[StoredInvoice]:
        """Newest row of every invoice of the org, the latest month first; void ones too."""
        return self._warehouse.read(StoredInvoice, "invoices", org_slug=org_slug)

    def add(
        self, org_slug: str, told: Sequence[Invoice], before: Sequence[StoredInvoice], by: str
    ) -> list[StoredInvoice]:
        """Adds a row for each, all or none, and returns them as stored. `before` are those that they replace."""
        newest = max((each.recorded_at for each in before), default=None)
        now = self._clock()
        at = now if newest is None else max(now, newest + timedelta(microseconds=1))
        texts = [json.dumps(_columns(each) | {"entry_id": str(uuid.uuid4())}) for each in told]
        self._warehouse.write("record_invoices", org_slug=org_slug, recorded_at=at, recorded_by=by, invoices=texts)
        entries = {each.key: each.entries for each in before}
        return [
            StoredInvoice(
                **vars(each), recorded_at=at, recorded_by=by, entries=entries.get(each.key, 0) + (not each.is_void)
            )
            for each in told
        ]


def key_of(issuer: str, number: str) -> tuple[str, str]:
    """What names an invoice: numbers that differ in capitals or in spaces around them are one."""
    return issuer, number.strip(" ").casefold()


def voided(invoice: StoredInvoice) -> Invoice:
    """Invoice as the row that takes it away has it."""
    kept = {name: value for name, value in vars(invoice).items() if name in Invoice.__dataclass_fields__}
    return replace(Invoice(**kept), is_void=True)


def _columns(invoice: Invoice) -> dict[str, object]:
    """Values as the INSERT reads them from JSON: amounts and dates are texts."""
    return {name: _text(value) for name, value in vars(invoice).items()}


def _text(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date) else value
