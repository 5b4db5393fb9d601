"""`/organizations/{org}/invoices`: what providers have billed an org, one by one or as CSV."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from flask import Response, request
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo, WithJsonSchema

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.runs.result import plain
from functions.auth.authenticate import Authentication, let_in, presented
from functions.orgs.invoice_csv import in_row, rows_of
from functions.orgs.stored_invoices import Invoice, Invoices, StoredInvoice, key_of, voided
from functions.web import bodies
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Day, Input, in_body, in_query
from functions.web.parameters import no_body, no_query
from functions.web.problems import Problem, bad_field

CSV = "text/csv"
# Nothing that begins as a formula does: a spreadsheet that an invoice comes into must not compute it.
NUMBER = r"[A-Za-z0-9][A-Za-z0-9 ._/#:-]{0,99}"
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_FIRST_MONTH = "2015-01"
_AMOUNT = re.compile(r"-?\d{1,18}(\.\d{1,9})?", re.ASCII)
_DIGITS = 15  # that every number in JSON keeps
_UTF_8 = ("utf-8", "utf8", "us-ascii")
_EXAMPLE = {"month": "2026-10", "total": "1234.56", "number": "INV-2026-10"}


def _matching(pattern: str, rule: str) -> BeforeValidator:
    form = re.compile(pattern, re.ASCII)

    def read(value: object, info: ValidationInfo) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise bad_field(info.field_name, rule)
        return value

    return BeforeValidator(read)


def _number(value: object, info: ValidationInfo) -> str:
    if isinstance(value, str) and re.fullmatch(NUMBER, value, re.ASCII):
        return value.rstrip(" ")
    raise bad_field(
        info.field_name, "must be 1 to 100 letters, digits, spaces and . _ / # : -, the first a letter or a digit"
    )


def _month(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str) or not _MONTH.fullmatch(value) or value < _FIRST_MONTH:
        raise bad_field(info.field_name, f"must be a month written YYYY-MM, from {_FIRST_MONTH}")
    return value


def _amount(value: object, info: ValidationInfo) -> Decimal:
    text = str(value)  # a fraction in JSON has the shortest text that means it
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not _AMOUNT.fullmatch(text):
        raise bad_field(
            info.field_name, "must be an amount such as 1234.56, with a point and at most nine decimals, and no commas"
        )
    if not isinstance(value, str) and sum(each.isdigit() for each in text) > _DIGITS:
        raise bad_field(info.field_name, f"must be a text, since it has more than {_DIGITS} digits")
    return Decimal(text) or Decimal(0)  # there is no zero below zero


def _known_amount(value: object, info: ValidationInfo) -> Decimal | None:
    return None if value is None else _amount(value, info)


def _at_most_zero(value: object, info: ValidationInfo) -> Decimal | None:
    amount = _known_amount(value, info)
    if amount is not None and amount > 0:
        raise bad_field(info.field_name, "must be zero or below, as what is taken off")
    return amount


def _at_least_zero(value: object, info: ValidationInfo) -> Decimal | None:
    amount = _known_amount(value, info)
    if amount is not None and amount < 0:
        raise bad_field(info.field_name, "must be zero or above")
    return amount


_SENT_AMOUNT = {"anyOf": [{"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}, {"type": "number"}]}
_Told = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema(_SENT_AMOUNT)]
_OR_NULL = WithJsonSchema({"anyOf": [*_SENT_AMOUNT["anyOf"], {"type": "null"}]})
_Amount = Annotated[Decimal, PlainSerializer(plain), WithJsonSchema({"type": "string", "examples": ["1234.56"]})]


class InvoiceBody(Input):
    """An invoice. One with the same issuer and number as one before corrects it; what is left out is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Annotated[
        str,
        BeforeValidator(_number),
        WithJsonSchema({"type": "string", "pattern": f"^{NUMBER}$"}),
    ] = Field(
        description="as the invoice has it; capitals and spaces at its end make no other", examples=[_EXAMPLE["number"]]
    )
    issuer: Annotated[str, _matching(r"[a-z]{2,20}", "must be the id of a provider")] = Field(
        description="id of the provider whose costs it bills"
    )
    month: Annotated[
        str, BeforeValidator(_month), WithJsonSchema({"type": "string", "pattern": f"^{_MONTH.pattern}$"})
    ] = Field(description="that is billed", examples=[_EXAMPLE["month"]])
    total: _Told = Field(description="what is to be paid, tax included", examples=[_EXAMPLE["total"]])
    currency: Annotated[
        str,
        _matching(r"[A-Z]{3}", "must be three capital letters (ISO 4217)"),
        WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"}),
    ] = Field(description="ISO 4217", examples=["USD"])
    tax: Annotated[Decimal | None, BeforeValidator(_known_amount), _OR_NULL] = Field(
        default=None,
        description="the tax in total: between zero and total, credits added back; null: not known",
        examples=["19.00"],
    )
    credits: Annotated[Decimal | None, BeforeValidator(_at_most_zero), _OR_NULL] = Field(
        default=None,
        description="credits and prepaid grants that it takes off, zero or below; null: not known",
        examples=["-25.00"],
    )
    priority_tier: Annotated[Decimal | None, BeforeValidator(_at_least_zero), _OR_NULL] = Field(
        default=None, description="what it bills for the priority tier, which no cost report has; null: not known"
    )
    issued_on: Day | None = Field(
        default=None,
        description="date of the invoice, from the month's first day to tomorrow: what came later is on the next one",
        examples=["2026-11-01"],
    )


class InvoiceQuery(Input):
    """Which invoice is meant."""

    issuer: str = Field(description="id of the provider that it is of")
    number: str = Field(examples=[_EXAMPLE["number"]])


class InvoiceAnswer(Answer):
    """An invoice as it counts. Amounts are decimal numbers as texts."""

    number: str
    issuer: str
    month: str = Field(examples=[_EXAMPLE["month"]])
    total: _Amount
    currency: str
    tax: _Amount | None
    credits: _Amount | None
    priority_tier: _Amount | None
    issued_on: dt.date | None
    recorded_at: Instant
    recorded_by: str = Field(description="a key's name or a person's id")
    corrections: int = Field(description="how often it was told again otherwise, removals aside; every row is kept")


class RecordedInvoice(InvoiceAnswer):
    """An invoice after a request, and what that has done."""

    outcome: Literal["added", "corrected", "unchanged", "removed"]


class RecordedInvoices(Answer):
    """Invoices of a request, in its order."""

    org_slug: str = Field(examples=["acmecorp"])
    invoices: list[RecordedInvoice]
    message: str


class InvoiceList(Answer):
    """Invoices that count, the latest month first."""

    org_slug: str = Field(examples=["acmecorp"])
    invoices: list[InvoiceAnswer]


@dataclass(frozen=True)
class OrgInvoices:
    """The collaborators of the endpoints of invoices. `issuers` are the ids of the providers."""

    auth: Authentication
    invoices: Invoices
    issuers: Sequence[str]
    clock: Clock


def list_invoices(room: OrgInvoices, org: str) -> Response:
    """200 with every invoice that counts, for every member."""
    credential = presented(room.auth, org)
    no_query(request)
    let_in(room.auth, org, credential)
    found = [InvoiceAnswer.model_validate(_fields(each)) for each in room.invoices.all(org) if not each.is_void]
    return answered(InvoiceList(org_slug=org, invoices=found))


def add_invoices(room: OrgInvoices, org: str) -> Response:
    """201 where an invoice is new, 200 where all were known, corrected or not. All of a request or none."""
    credential = presented(room.auth, org)
    no_query(request)
    told = list(_told(room))
    actor = let_in(room.auth, org, credential)
    actor.require_admin()
    before = {each.key: each for each in room.invoices.all(org)}
    new = [each for each in told if each.key not in before or not before[each.key].says(each)]
    replaced = [before[each.key] for each in new if each.key in before]
    stored = {each.key: each for each in room.invoices.add(org, new, replaced, actor.name)} if new else {}
    outcomes = {each.key: _outcome(before.get(each.key), each) for each in told}
    recorded = [_recorded(stored.get(key, before.get(key)), outcome) for key, outcome in outcomes.items()]
    status = 201 if "added" in outcomes.values() else 200
    return answered(RecordedInvoices(org_slug=org, invoices=recorded, message=_sentence(outcomes)), status)


def remove_invoice(room: OrgInvoices, org: str) -> Response:
    """200 after the invoice counts no more; its rows are kept. 404 where there is none that counts."""
    credential = presented(room.auth, org)
    asked = in_query(request.args, InvoiceQuery)
    no_body(request)
    actor = let_in(room.auth, org, credential)
    actor.require_admin()
    found = {each.key: each for each in room.invoices.all(org) if not each.is_void}
    invoice = found.get(key_of(asked.issuer, asked.number))
    if invoice is None:
        raise Problem(404, "There is no such invoice.", code=Code.INVOICE_UNKNOWN)
    (ended,) = room.invoices.add(org, [voided(invoice)], [invoice], actor.name)
    body = RecordedInvoices(org_slug=org, invoices=[_recorded(ended, "removed")], message="1 removed.")
    return answered(body)


def _told(room: OrgInvoices) -> Iterator[Invoice]:
    """Yields the invoices of the body. Raises 400 or 415 for a body, and 400 for an invoice, that cannot be read."""
    if request.mimetype != CSV:
        yield _invoice(room, _in_json())
        return
    if request.mimetype_params.get("charset", "utf-8").lower() not in _UTF_8:
        raise Problem(415, "CSV must be in UTF-8.", code=Code.BODY_NOT_JSON)
    fields = InvoiceBody.model_fields
    required = [name for name, info in fields.items() if info.is_required()]
    seen: set[tuple[str, str]] = set()
    for number, row in rows_of(bodies.read(request), [*fields], required):
        try:
            invoice = _invoice(room, _body_of(row, required))
            if invoice.key in seen:
                raise bad_field("number", f"{invoice.number} stands twice")
        except Problem as err:
            raise in_row(number, err) from err
        seen.add(invoice.key)
        yield invoice
    if not seen:
        raise Problem(400, "The body has no row below its header.", code=Code.BODY_INVALID)


def _in_json() -> InvoiceBody:
    try:
        return in_body(request, InvoiceBody)
    except Problem as err:
        if err.code is not Code.BODY_NOT_JSON:
            raise
        detail = f"The body must be JSON (Content-Type: application/json) or CSV ({CSV})."
        raise Problem(415, detail, code=Code.BODY_NOT_JSON) from err


def _body_of(row: Mapping[str, str], required: Sequence[str]) -> InvoiceBody:
    for name in required:
        if name not in row:
            raise Problem(400, f"{name} is required.", code=Code.FIELD_MISSING, field=name)
    return InvoiceBody.model_validate(dict(row))


def _invoice(room: OrgInvoices, body: InvoiceBody) -> Invoice:
    if body.issuer not in room.issuers:
        raise bad_field("issuer", f"must be one of {', '.join(room.issuers)}")
    if body.month > f"{room.clock():%Y-%m}":
        raise bad_field("month", "must not lie in the future")
    _check_tax(body)
    _check_date(body, room.clock().date() + dt.timedelta(days=1))
    told = body.model_dump()
    return Invoice(invoice_month=told.pop("month").replace("-", ""), **told)


def _check_tax(body: InvoiceBody) -> None:
    """Raises 400 for a tax that cannot be in the total: credits may have been taken off after it."""
    least, most = min(body.total, Decimal(0)), max(body.total - (body.credits or 0), Decimal(0))
    if body.tax is not None and not least <= body.tax <= most:
        raise bad_field(
            "tax", f"must lie between {plain(least)} and {plain(most)}, since the total has it, before credits"
        )


def _check_date(body: InvoiceBody, tomorrow: dt.date) -> None:
    first = dt.date.fromisoformat(f"{body.month}-01")
    if body.issued_on is not None and not first <= body.issued_on <= tomorrow:
        raise bad_field("issued_on", f"must lie between {first}, the month's first day, and {tomorrow}")


def _outcome(before: StoredInvoice | None, told: Invoice) -> Literal["added", "corrected", "unchanged"]:
    if before is None or before.is_void:
        return "added"
    return "unchanged" if before.says(told) else "corrected"


def _recorded(
    invoice: StoredInvoice | None, outcome: Literal["added", "corrected", "unchanged", "removed"]
) -> RecordedInvoice:
    assert invoice is not None  # noqa: S101 - it was there before, or has just been added
    return RecordedInvoice.model_validate(_fields(invoice) | {"outcome": outcome})


def _fields(invoice: StoredInvoice) -> dict[str, object]:
    month = f"{invoice.invoice_month[:4]}-{invoice.invoice_month[4:]}"
    names = set(InvoiceAnswer.model_fields) - {"month", "corrections"}
    return {name: getattr(invoice, name) for name in names} | {"month": month, "corrections": invoice.entries - 1}


def _sentence(outcomes: Mapping[tuple[str, str], str]) -> str:
    counts = {outcome: list(outcomes.values()).count(outcome) for outcome in ("added", "corrected", "unchanged")}
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count).capitalize() + "."
