"""Cloud Billing export of an invented company: the rows of a UTC day, as `bq` writes them.

A row is half of a line's day, or all of it where a line runs around the clock. Most of a day is exported within
minutes, sooner than Google's: yesterday should be there whenever somebody looks. A few lines come a day or three later.
No line is exported in parts, so a day is at any time whole lines. Costs have at most nine decimals, so what the
warehouse sums up is exact. `_partition_date` tells the partition.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property, lru_cache
from typing import Any

from localcloud.company.activity import Account, Load, drawn
from localcloud.company.companies import COMPANIES, Company
from localcloud.company.google_catalogue import (
    BUCKETS,
    COMMITMENTS,
    COST_CENTERS,
    DEFAULT_MODEL,
    FLEX_MODEL,
    FOLDERS,
    LINES,
    ORGANIZATION,
    PROJECTS,
    SELLERS,
    SERVICES,
    Commitment,
    Line,
)

Row = dict[str, Any]
PACIFIC = timedelta(hours=8)
HALVES = {  # of a day, in percent
    Load.TRAFFIC: (40, 60),
    Load.ASSISTANT: (38, 62),
    Load.WORK: (31, 69),
    Load.NIGHTLY: (92, 8),
}
WHOLE_DAY = (100,)
TAX_RATE = Decimal("0.0825")
MILLIONTH = Decimal("0.000001")
CREDITS = {
    "FREE_TIER": "Free tier",
    "SUSTAINED_USAGE_DISCOUNT": "Sustained Usage Discount",
    "PROMOTION": "Google for Startups Cloud Program",
    "COMMITTED_USAGE_DISCOUNT": "Committed Usage Discount",
    "FEE_UTILIZATION_OFFSET": "Fee utilization offset",
}


def export_rows(account: Account, day: date, *, detailed: bool) -> Iterator[Row]:
    """The export rows whose usage begins in the UTC day; on the first of a month the month's tax is among them."""
    return _Day(account, day, detailed).rows()


def net_cost(account: Account, day: date) -> Decimal:
    """What the day costs without tax, in US dollars: computed from amounts and prices, not from the rows. Exact."""
    return _Day(account, day, detailed=False).net_cost


@dataclass(frozen=True)
class _Use:
    """What a line uses in a part of a day, in priced units; `covered` of it is paid by a commitment."""

    line: Line
    start: datetime
    hours: int
    amount: Decimal
    covered: Decimal
    free: Decimal

    @property
    def on_demand(self) -> Decimal:
        return self.amount * self.line.price


@dataclass(frozen=True)
class _Day:
    account: Account
    day: date
    detailed: bool

    @property
    def company(self) -> Company:
        return COMPANIES[self.account.company]

    @cached_property
    def uses(self) -> list[_Use]:
        return [use for line in LINES for use in self._uses(line)] if self.day >= self.account.since else []

    @property
    def fees(self) -> Iterable[Commitment]:
        return COMMITMENTS if self.company.commits and self.day >= self.account.since else ()

    @cached_property
    def net_cost(self) -> Decimal:
        usage = sum((self._cost(use) + sum(self._credits(use).values()) for use in self.uses), Decimal())
        return usage + sum((self._fee(fee) + self._offset(fee) for fee in self.fees), Decimal())

    def rows(self) -> Iterator[Row]:
        for use in self.uses:
            yield from self._used(use)
        for fee in self.fees:
            yield self._bought(fee)
        if self.day.day == 1:
            yield self._tax()

    def _uses(self, line: Line) -> Iterator[_Use]:
        least = line.unit.least
        wanted = self.account.used(self.day, line.load, line.name, int(line.daily / least))
        parts = HALVES.get(line.load, WHOLE_DAY)
        hours, left = 24 // len(parts), wanted
        for number, percent in enumerate(parts, 1):
            part = wanted * percent // 100 if number < len(parts) else left
            left -= part
            start = datetime(self.day.year, self.day.month, self.day.day, hours * (number - 1), tzinfo=UTC)
            covered = line.committed / len(parts) if self.company.commits else Decimal()
            if part:
                amount = part * least
                yield _Use(line, start, hours, amount, min(covered, amount), min(line.free / len(parts), amount))

    def _cost(self, use: _Use) -> Decimal:
        """What Google charges before credits: the newer model of commitments lowers the price of what is covered."""
        return use.on_demand - use.covered * use.line.price * (1 - _share(use.line))

    def _credits(self, use: _Use) -> dict[str, Decimal]:
        line, found = use.line, {}
        if use.covered and _share(line) == 1:
            found["COMMITTED_USAGE_DISCOUNT"] = -use.covered * line.price
        if use.free:
            found["FREE_TIER"] = -use.free * line.price
        if line.credit:
            kind, share = line.credit
            found[kind] = -(use.on_demand * share).quantize(MILLIONTH, ROUND_HALF_EVEN)
        return found

    def _fee(self, fee: Commitment) -> Decimal:
        return fee.hours * fee.price

    def _offset(self, fee: Commitment) -> Decimal:
        """What of a fee was used: as much as the usage that it covers was charged."""
        if fee.share is None:
            return Decimal()
        return -sum((use.covered * use.line.price * fee.share for use in self.uses if use.line.by == fee.id), Decimal())

    def _used(self, use: _Use) -> Iterator[Row]:
        """A row; two where a commitment of the newer model covers a part, which has a price of its own."""
        line, share = use.line, _share(use.line)
        if share == 1 or not use.covered:
            yield self._usage(use, use.amount, line.price, self._credits(use))
            return
        covered = self._usage(use, use.covered, line.price * share, {})
        covered["consumption_model"] = FLEX_MODEL
        if self.detailed:
            covered["subscription"] = {"instance_id": self._subscription(line.by)}
        yield covered
        if use.amount > use.covered:
            yield self._usage(use, use.amount - use.covered, line.price, self._credits(use))

    def _usage(self, use: _Use, amount: Decimal, price: Decimal, credited: dict[str, Decimal]) -> Row:
        line, unit = use.line, use.line.unit
        row = self._blank(use.start, use.start + timedelta(hours=use.hours))
        row |= {"service": {"id": SERVICES[line.service], "description": line.service}}
        row |= {"sku": {"id": line.sku_id, "description": line.sku}, "project": _project(self.company, line.project)}
        row |= {"location": _location(line), "labels": _labels(line)} | _costs(amount * price, amount * line.price)
        row |= {"usage": _amount(amount * unit.factor, unit.base, amount, unit.pricing)}
        row |= {"price": _price(price, line.price), "credits": _credited(credited)}
        if self.detailed and line.resource:
            row["resource"] = _resource(self.company, line)
        if seller := SELLERS.get(line.service):
            row |= {"transaction_type": "THIRD_PARTY_RESELLER", "seller_name": seller}
            row["invoice"] |= {"publisher_type": "PARTNER"}
        return row | self._exported(line.name, may_take_days=line.load is Load.WORK)

    def _bought(self, fee: Commitment) -> Row:
        start = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        row = self._blank(start, start + timedelta(days=1)) | _costs(self._fee(fee), self._fee(fee))
        line = Line("shared", "Compute Engine", fee.sku, fee.unit, fee.price, fee.hours, Load.STEADY, "platform")
        row |= {"service": {"id": SERVICES[line.service], "description": line.service}}
        row |= {"sku": {"id": line.sku_id, "description": line.sku}, "project": _project(self.company, line.project)}
        row |= {
            "location": _location(line),
            "usage": _amount(fee.hours * fee.unit.factor, fee.unit.base, fee.hours, fee.unit.pricing),
        }
        row |= {"price": _price(fee.price, fee.price)}
        if offset := self._offset(fee):
            row["credits"] = _credited({"FEE_UTILIZATION_OFFSET": offset})
        if self.detailed:
            row["subscription"] = {"instance_id": self._subscription(fee.id)}
        return row | self._exported(fee.id)

    def _subscription(self, commitment: str) -> str:
        return f"subscriptions/{drawn(self.account.company, commitment):016x}"

    def _tax(self) -> Row:
        """The month's tax: of no project, spanning Google's month, delivered after it."""
        start = datetime(self.day.year, self.day.month, 1, tzinfo=UTC) + PACIFIC
        end = (start + timedelta(days=31)).replace(day=1)
        amount = (_of_month(self.account, self.day) * TAX_RATE).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        row = self._blank(start, end) | _costs(amount, amount)
        row |= {"service": {"id": SERVICES["Invoice"], "description": "Invoice"}, "cost_type": "tax"}
        row |= {"sku": {"id": "0000-0000-0001", "description": "Tax"}}
        return row | _export(end + timedelta(days=1, hours=12))

    def _blank(self, start: datetime, end: datetime) -> Row:
        row: Row = {
            "billing_account_id": self.company.billing_account, "usage_start_time": _text(start),
            "usage_end_time": _text(end), "project": None, "labels": [], "system_labels": [], "location": None,
            "tags": [], "transaction_type": "GOOGLE", "seller_name": None, "currency": "USD",
            "currency_conversion_rate": 1.0, "usage": None, "credits": [],
            "invoice": {"month": f"{start - PACIFIC:%Y%m}", "publisher_type": "GOOGLE"}, "cost_type": "regular",
            "adjustment_info": None, "price": None, "consumption_model": DEFAULT_MODEL,
        }  # fmt: skip
        return row | ({"resource": None, "subscription": None} if self.detailed else {})

    def _exported(self, line: str, *, may_take_days: bool = False) -> Row:
        """When the line's day was exported: mostly right after it; what costs little may take days."""
        draw = drawn(self.account.company, self.day, line, "export")
        minutes = 2 + draw % 7
        if draw % 61 == 0:
            minutes = 8 * 60 + draw % 1100
        if may_take_days and draw % 43 == 0:
            minutes = 60 * 60 + draw % 1800
        midnight = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC) + timedelta(days=1)
        return _export(midnight + timedelta(minutes=minutes, microseconds=draw % 10**6))


@lru_cache(maxsize=32)
def _of_month(account: Account, first: date) -> Decimal:
    days = ((first + timedelta(days=31)).replace(day=1) - first).days
    return sum((net_cost(account, first + timedelta(days=number)) for number in range(days)), Decimal())


def _share(line: Line) -> Decimal:
    """The part of its price at which covered usage is charged: all of it in the older model."""
    return next((fee.share for fee in COMMITMENTS if fee.id == line.by and fee.share is not None), Decimal(1))


def _costs(cost: Decimal, on_demand: Decimal) -> Row:
    return {
        "cost": float(cost), "cost_at_list": float(on_demand), "cost_at_effective_price_default": float(on_demand),
        "cost_at_list_consumption_model": float(cost),
    }  # fmt: skip


def _amount(amount: Decimal, unit: str, priced: Decimal, pricing_unit: str) -> Row:
    return {
        "amount": float(amount), "unit": unit, "amount_in_pricing_units": float(priced), "pricing_unit": pricing_unit,
    }  # fmt: skip


def _price(price: Decimal, on_demand: Decimal) -> Row:
    """The export's `price` record; its numbers are NUMERIC, hence text."""
    return {
        "effective_price": f"{price:f}", "tier_start_amount": "0", "pricing_unit_quantity": "1", "unit": None,
        "list_price": f"{on_demand:f}", "effective_price_default": f"{on_demand:f}",
        "list_price_consumption_model": f"{price:f}",
    }  # fmt: skip


def _credited(amounts: dict[str, Decimal]) -> list[Row]:
    return [
        {"name": CREDITS[kind], "amount": float(amount), "full_name": CREDITS[kind], "id": kind.lower(), "type": kind}
        for kind, amount in amounts.items()
    ]


@lru_cache(maxsize=64)
def _project(company: Company, key: str) -> Row:
    name, environment = PROJECTS[key]
    number = str(100_000_000_000 + drawn(company.prefix, key) % 899_999_999_999)
    folder = FOLDERS[environment]
    return {
        "id": f"{company.prefix}-{key}",
        "number": number,
        "name": name,
        "labels": [{"key": "environment", "value": environment}],
        "ancestry_numbers": f"/{ORGANIZATION}/{folder}/",
        "ancestors": [
            {"resource_name": f"organizations/{ORGANIZATION}", "display_name": company.name},
            {"resource_name": f"folders/{folder}", "display_name": environment.capitalize()},
            {"resource_name": f"projects/{number}", "display_name": name},
        ],
    }


def _location(line: Line) -> Row:
    if line.place == "global":
        return {"location": "global", "country": None, "region": None, "zone": None}
    region = line.place if line.place[-1].isdigit() else None
    return {"location": line.zone or line.place, "country": "US", "region": region, "zone": line.zone or None}


@lru_cache(maxsize=256)
def _labels(line: Line) -> list[Row]:
    """Labels of what has a resource; nobody can label the rest."""
    if line.resource is None:
        return []
    return [{"key": "team", "value": line.team}, {"key": "cost-center", "value": COST_CENTERS[line.team]}]


@lru_cache(maxsize=256)
def _resource(company: Company, line: Line) -> Row:
    collection, name = line.resource or ("", "")
    number = _project(company, line.project)["number"]
    path = collection.format(project=f"projects/{number}", zone=line.zone, region=line.place)
    whole = f"{company.prefix}-{name}" if collection == BUCKETS else name
    return {"name": whole, "global_name": f"//{path}/{whole}"}


def _export(moment: datetime) -> Row:
    """The time of export and the partition it lands in, that of the Pacific day."""
    return {"export_time": f"{_text(moment, 'microseconds')}", "_partition_date": (moment - PACIFIC).date().isoformat()}


def _text(moment: datetime, exact: str = "seconds") -> str:
    return f"{moment.replace(tzinfo=None).isoformat(' ', exact)} UTC"
