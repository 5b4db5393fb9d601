"""GET /costs/{org}/months: what each month costs, what was invoiced for it, and what is left between the two."""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from flask import Response, request
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from functions.auth.authenticate import let_in, presented
from functions.costs.collaborators import OrgCosts
from functions.costs.endpoints import measured, refusing, revalidated
from functions.costs.month_answers import Months
from functions.costs.shapes import Amount, plain
from functions.web.answers import Answer, Instant
from functions.web.inputs import Input, in_query
from functions.web.problems import bad_field

MOST_MONTHS: Final = 60
SHOWN_MONTHS: Final = 13
CATEGORIES: Final = ("usage", "purchase", "tax", "credit", "adjustment")
_MONTH = re.compile(r"(20[1-9]\d)-(0[1-9]|1[0-2])", re.ASCII)


def _month(text: object, info: ValidationInfo) -> dt.date:
    if not isinstance(text, str) or not _MONTH.fullmatch(text):
        raise bad_field(info.field_name, "must be a month written YYYY-MM, from 2010-01")
    return dt.date.fromisoformat(f"{text}-01")


Month = Annotated[
    dt.date, BeforeValidator(_month), WithJsonSchema({"type": "string", "pattern": f"^({_MONTH.pattern})$"})
]
MaybeAmount = Amount | None


class MonthsQuery(Input):
    """Query string of months."""

    start: Month | None = Field(
        default=None,
        description=f"first month; default: {SHOWN_MONTHS} months that end with `end`",
        examples=["2025-01"],
    )
    end: Month | None = Field(default=None, description="last month; default: this one", examples=["2025-11"])

    def months(self, today: dt.date) -> Months:
        """Months that are asked about. Raises 400 where they are out of order, or too many."""
        end = self.end or today.replace(day=1)
        start = self.start or _before(end, SHOWN_MONTHS - 1)
        count = (end.year - start.year) * 12 + end.month - start.month + 1
        if count < 1:
            raise bad_field("start", "must not be after end")
        if count > MOST_MONTHS:
            raise bad_field("end", f"must be at most {MOST_MONTHS} months from start")
        return Months(f"{start:%Y%m}", f"{end:%Y%m}")


class ResidualPart(Answer):
    """Part of what an invoice has more than the costs, by its name; docs/focus.md has all of them."""

    name: str = Field(examples=["tax_not_told"])
    amount: MaybeAmount = Field(description="null: the residual is not known yet, and the name says why")


class BilledMonth(Answer):
    """Month of one provider and currency."""

    month: str = Field(description="of the invoice", examples=["2025-10"])
    provider: str
    currency: str = Field(description="ISO 4217", examples=["USD"])
    status: Literal["open", "provisional", "closed"]
    cost: MaybeAmount = Field(description="sum of BilledCost; null: nothing was loaded")
    costs: dict[str, Amount] = Field(description="of it, by charge category, those that there are")
    provider_total: MaybeAmount = Field(description="what the provider told as the sum of its days; null: not told")
    invoices: str | None = Field(description="numbers of the invoices that count; null: none was told")
    invoice_total: MaybeAmount = Field(description="of these, with tax; of a closed month as it was then")
    invoice_tax: MaybeAmount
    invoice_total_now: MaybeAmount = Field(description="of the invoices that count today")
    residual: MaybeAmount = Field(
        description="invoice_total less cost: the parts and what is unexplained; null: unknown"
    )
    parts: list[ResidualPart] = Field(description="of the residual, or why it is not known; empty where it is 0")
    unexplained: MaybeAmount = Field(description="what no part is; anything but 0 keeps the month from closing")
    unexplained_reason: Literal["credits_not_recorded", "changes_not_recorded"] | None = Field(
        description="why the rest has no name, where records are missing: of the credits that days had at the time of "
        "the invoice, or of what they cost; null: no rule fits, or nothing is left"
    )
    later_change: MaybeAmount = Field(description="what runs have changed in its days since the copy; null: not known")
    copied_at: Instant | None = Field(description="when its copy was made, or closed")
    checksum: str | None = Field(description="SHA-256 over the copy")
    days_missing: int | None = Field(description="days that were never loaded")
    days_not_final: int | None = Field(description="days that may still change")


class BilledMonths(Answer):
    """Months of an organization, the newest first; by provider and currency."""

    org_slug: str = Field(examples=["acmecorp"])
    start: str = Field(description="first month", examples=["2024-11"])
    end: str = Field(description="last one, inclusive", examples=["2025-11"])
    months: list[BilledMonth]


def show_months(api: OrgCosts, org: str) -> Response:
    """200 with the months, or 304 where no load has changed them since the answer that the request knows."""
    credential = presented(api.auth, org)
    months = in_query(request.args, MonthsQuery).months(api.clock().date())
    let_in(api.auth, org, credential)
    etag = api.answers.etag(org, months)
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    with refusing():
        found, processed = api.months.find(org, months, etag)
    told = BilledMonths(
        org_slug=org,
        start=_written(months.first),
        end=_written(months.last),
        months=[_shown(row) for row in found.rows],
    )
    return measured(told, etag, processed)


def _before(month: dt.date, count: int) -> dt.date:
    number = month.year * 12 + month.month - 1 - count
    return dt.date(number // 12, number % 12 + 1, 1)


def _written(month: str) -> str:
    return f"{month[:4]}-{month[4:]}"


def _shown(row: Mapping[str, Any]) -> BilledMonth:
    shown: dict[str, Any] = {name: _told(row[name]) for name in BilledMonth.model_fields if name in row}
    shown["month"] = _written(row["invoice_month"])
    shown["costs"] = {name: plain(amount) for name in CATEGORIES if (amount := row[f"{name}_cost"]) is not None}
    shown["parts"] = [ResidualPart(name=part["name"], amount=_told(part["amount"])) for part in row["parts"]]
    return BilledMonth(**shown)


def _told(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value
