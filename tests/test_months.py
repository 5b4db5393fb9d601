"""Months close, from Cloud Scheduler's call to the views: invoices, late rows, corrections, and what comes later."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact import clients
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.org import IntegrationStatus
from cloudact.runs.run import Run, TriggerType
from functions.composition import compose
from functions.routes import public_app
from localcloud.billing_export import rows_for_day
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from localcloud.providers.keys import Restatement
from tests.conftest import Local, load_rows
from tests.functions.fleet import Fleet, new_fleet
from tests.test_every_day import worked

PIPELINES = {"gcp": "gcp_billing", "openai": "openai_usage_cost", "anthropic": "anthropic_usage_cost"}
CENT = Decimal("0.01")


@dataclass
class Bookkeeper:
    """An org whose days go by, with what it tells of invoices and what its views say of months."""

    fleet: Fleet
    org: OnboardedOrg
    providers: tuple[str, ...]
    api: FlaskClient = field(init=False)
    generations: dict[tuple[str, dt.date], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api = public_app(compose(self.fleet.settings, self.fleet.local.clock)).test_client()

    @property
    def slug(self) -> str:
        return self.org.org_slug

    @property
    def now(self) -> dt.datetime:
        return self.fleet.local.clock()

    @property
    def today(self) -> dt.date:
        return self.now.date()

    def at(self, day: dt.date) -> None:
        """It is six in the morning of this day."""
        self.fleet.local.clock.now = dt.datetime.combine(day, dt.time(6), dt.UTC)

    def load(self, provider: str, days: Iterator[dt.date] | list[dt.date], **changes: Any) -> None:
        """Backfills these days, in the next generation of each."""
        for day in days:
            number = self.generations[provider, day] = self.generations.get((provider, day), 0) + 1
            worked(self.fleet, [self.run(provider, day, number, **changes)])

    def run(self, provider: str, day: dt.date, generation: int, **changes: Any) -> Run:
        wanted: dict[str, Any] = {
            "org_slug": self.slug, "pipeline": PIPELINES[provider], "provider": provider, "domain": "",
            "name": PIPELINES[provider].partition("_")[2], "date": day, "generation": generation,
            "trigger_type": TriggerType.BACKFILL, "triggered_by": "me", "requested_at": self.fleet.local.clock(),
        }  # fmt: skip
        return Run.model_validate(wanted | changes)

    def quiet(self, provider: str, first: dt.date, last: dt.date) -> None:
        """Records that nothing was used on these days, as a run of each would: so a month takes fewer runs."""
        at = f"TIMESTAMP '{self.now}'"
        run = f"day, '{self.slug}', '{provider}', '{PIPELINES[provider]}', 'r', 1, 'backfill', {at}, {at}"
        sql = (
            "INSERT INTO {org}.day_history (usage_date, org_slug, provider, pipeline, run_id, generation, "
            "trigger_type, read_at, recorded_at, is_changed, completeness, rows_before, rows_after, is_total_known) "
            f"SELECT {run}, FALSE, 'final', 0, 0, TRUE FROM UNNEST(GENERATE_DATE_ARRAY('{first}', '{last}')) AS day"
        )
        clients.bigquery(self.fleet.settings).query_and_wait(sql.format(org=self.slug))

    def daily(self) -> list[Run]:
        """Cloud Scheduler calls, and what it starts runs to its end."""
        self.fleet.daily()
        runs = worked(self.fleet, self.fleet.fire())
        for run in runs:
            self.generations[run.provider, run.date] = run.generation
        return runs

    def days(self, count: int) -> None:
        """So many mornings, each with its call."""
        for _ in range(count):
            self.at(self.today + dt.timedelta(days=1))
            self.daily()

    def invoice(self, provider: str, month: str, total: Decimal, **told: str) -> None:
        body = {"number": f"{provider}-{month}", "issuer": provider, "month": f"{month[:4]}-{month[4:]}"}
        sent = body | {"total": f"{total:f}", "currency": "USD"} | told
        path = f"/api/v1/organizations/{self.slug}/invoices"
        answer = self.api.post(path, headers={"X-API-Key": self.org.api_key}, json=sent)
        assert answer.status_code in (200, 201), answer.get_json()

    def restate(self, provider: str, day: dt.date, factor: str) -> None:
        key = self.org.credentials[provider.upper()]["api_key"]
        self.fleet.local.providers.keys.restate(Restatement(key=key, date=day, factor=Decimal(factor)))

    def query(self, sql: str) -> list[dict[str, Any]]:
        return self.fleet.local.query(sql.format(org=self.slug))

    def month(self, provider: str, month: str) -> dict[str, Any]:
        where = f"provider = '{provider}' AND invoice_month = '{month}'"
        (found,) = self.query(f"SELECT * FROM {{org}}.invoice_months WHERE {where}")
        return found

    def cost(self, provider: str, month: str) -> Decimal:
        """What the month costs today, by FOCUS."""
        first = dt.date(int(month[:4]), int(month[4:]), 1)
        (found,) = self.query(
            "SELECT SUM(BilledCost) AS cost FROM {org}.focus_costs WHERE x_UsageDate BETWEEN "
            f"'{first - dt.timedelta(days=31)}' AND '{first + dt.timedelta(days=31)}' AND x_Provider = '{provider}' "
            f"AND IFNULL(x_InvoiceMonth, FORMAT_DATE('%Y%m', x_UsageDate)) = '{month}'"
        )
        return Decimal(found["cost"])

    def invoiced(self) -> set[tuple[dt.date, str | None]]:
        """Days of February with the invoices that their charges are on."""
        rows = self.query(
            "SELECT DISTINCT x_UsageDate, InvoiceId FROM {org}.focus_costs "
            f"WHERE x_UsageDate BETWEEN '{FEBRUARY[0]}' AND '{FEBRUARY[-1]}'"
        )
        return {(each["x_UsageDate"], each["InvoiceId"]) for each in rows}

    def credits(self, provider: str, month: str) -> Decimal:
        """The credits of a month that are rows."""
        (found,) = self.query(
            "SELECT SUM(BilledCost) AS cost FROM {org}.focus_costs WHERE ChargeCategory = 'Credit' "
            f"AND x_Provider = '{provider}' AND FORMAT_DATE('%Y%m', x_UsageDate) = '{month}'"
        )
        return Decimal(found["cost"] or 0)


def bookkeeper(local: Local, day: dt.date, providers: tuple[str, ...]) -> Bookkeeper:
    """An org of these providers, whose clock shows this day."""
    local.clock.now = dt.datetime.combine(day, dt.time(6), dt.UTC)
    fleet, number = new_fleet(local), next(local.numbers)
    source = {
        "source_project": f"books-{number}-billing",
        "source_dataset": "billing_export",
        "source_table": "gcp_billing_export_v1_012345_6789AB_CDEF01",
    }
    accounts = tuple(ProviderAccount(each.upper(), number, rows=1) for each in providers if each != "gcp")
    org = onboard(fleet.settings, NewOrg(f"books_{number}", source, accounts=accounts))
    if "gcp" not in providers:
        integrations = Integrations(fleet.warehouse, local.clock)
        google = integrations.find(org.org_slug, "GCP_SA")
        integrations.change(replace(google, status=IntegrationStatus.INVALID))
    return Bookkeeper(fleet, org, providers)


def span(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]


def named(month: dict[str, Any]) -> dict[str, Decimal]:
    return {part["name"]: part["amount"] for part in month["parts"]}


FEBRUARY = span(dt.date(2026, 2, 1), dt.date(2026, 2, 28))
LAST = FEBRUARY[-1]
NEXT = LAST + dt.timedelta(days=1)


def test_a_month_closes_once(local: Local) -> None:
    """A month ties in the call that finds its last day final: what was restated after its invoice is billed later, its
    credits too; tax and prepaid have their names. What the provider corrects after the close stands beside it, by day
    and run, and changes nothing."""
    books = bookkeeper(local, dt.date(2026, 3, 2), ("openai",))
    books.load("openai", [LAST])
    books.at(dt.date(2026, 3, 6))
    books.load("openai", [FEBRUARY[9], *FEBRUARY[24:-1]])
    books.quiet("openai", FEBRUARY[0], FEBRUARY[8])
    books.quiet("openai", FEBRUARY[10], FEBRUARY[23])
    books.quiet("openai", NEXT, NEXT)
    assert named(books.month("openai", "202602")) == {"days_not_final": None}
    billed = books.cost("openai", "202602")
    total = (billed * Decimal("1.19")).quantize(CENT)
    tax, of_rows = total - billed.quantize(CENT), books.credits("openai", "202602")
    prepaid = Decimal("-3.5")
    total += prepaid
    books.invoice("openai", "202602", total, tax=str(tax), credits=str(of_rows + prepaid), issued_on="2026-03-02")
    books.restate("openai", LAST, "2")
    books.days(1)

    month, cost = books.month("openai", "202602"), books.cost("openai", "202602")
    late = cost - billed
    assert late > 1
    assert (month["status"], month["cost"], month["usage_cost"] + month["credit_cost"]) == ("closed", cost, cost)
    rounding = total - tax - prepaid - billed
    assert named(month) == {"tax_not_told": tax, "credits": prepaid, "billed_later": -late, "rounding": rounding}
    late_credits = books.credits("openai", "202602") - of_rows
    (copy,) = books.query("SELECT MAX(billed_later_credits) AS credits FROM {org}.month_closes")
    assert copy["credits"] == -late_credits > 0
    assert sum(named(month).values()) == month["residual"] == total - cost
    assert abs(month["provider_total"] - cost) < Decimal("0.000001")
    assert books.query("SELECT * FROM {org}.closed_month_changes WHERE usage_date >= '2026-02-01'") == []
    assert books.invoiced() == {(FEBRUARY[9], None), (LAST, None), *[(day, None) for day in FEBRUARY[24:-1]]}

    local.clock.advance(hours=1)
    books.restate("openai", FEBRUARY[9], "3")
    books.load("openai", [FEBRUARY[9]])
    books.invoice("openai", "202602", total + 5)
    books.days(1)
    after = books.month("openai", "202602")
    changes = books.query("SELECT * FROM {org}.closed_month_changes WHERE usage_date >= '2026-02-01'")
    assert {each["usage_date"] for each in changes} == {FEBRUARY[9]}
    corrected = books.cost("openai", "202602") - cost
    assert sum(each["cost_change"] for each in changes) == corrected == after["later_change"] > 0
    assert after | {"later_change": 0, "invoice_total_now": total, "provider_total": None} == month | {
        "provider_total": None
    }
    assert after["invoice_total_now"] == total + 5
    (change,) = books.query("SELECT * FROM {org}.cost_changes WHERE usage_date = '2026-02-10' AND generation = 2")
    assert (change["cause"], change["cost_change"]) == ("provider_correction", corrected)


def test_a_month_that_was_loaded_before_there_was_a_history(local: Local) -> None:
    """Its days are read again, and found as they are: nothing has changed, so nothing keeps the month from closing."""
    books = bookkeeper(local, dt.date(2026, 3, 20), ("openai",))
    known = [FEBRUARY[9], LAST]
    books.load("openai", known)
    clients.bigquery(local.settings).query_and_wait(f"DELETE FROM {books.slug}.day_history WHERE TRUE")
    books.quiet("openai", FEBRUARY[0], FEBRUARY[8])
    books.quiet("openai", FEBRUARY[10], FEBRUARY[26])
    books.quiet("openai", NEXT, NEXT)
    books.load("openai", known)
    (changed,) = books.query("SELECT LOGICAL_OR(is_changed) AS is_any FROM {org}.day_history")
    assert not changed["is_any"]
    cost = books.cost("openai", "202602")
    books.invoice("openai", "202602", cost.quantize(CENT))
    books.at(dt.date(2026, 3, 21))
    books.load("openai", [dt.date(2026, 3, 20)])
    month = books.month("openai", "202602")
    assert (month["status"], month["cost"]) == ("closed", cost)
    assert books.invoiced() == {(day, "openai-202602") for day in known}
    books.restate("openai", LAST, "2")
    local.clock.advance(hours=1)
    books.load("openai", [LAST])
    assert books.invoiced() == {(FEBRUARY[9], "openai-202602"), (LAST, None)}


QUARTER = {
    "202607": span(dt.date(2026, 7, 1), dt.date(2026, 7, 31)),
    "202608": span(dt.date(2026, 8, 1), dt.date(2026, 8, 31)),
    "202609": span(dt.date(2026, 9, 1), dt.date(2026, 9, 30)),
}

CORRECTED = "202608"


@pytest.mark.bench
def test_a_quarter_of_three_providers(local: Local) -> None:
    """A quarter with late rows, corrections, a restated day, tax, credits and an invoice of each provider and month:
    every residual is nothing, or has its names, and every month is closed."""
    books = bookkeeper(local, dt.date(2026, 7, 1), ("gcp", "openai", "anthropic"))
    load_rows(local, books.org, exported(QUARTER, seed=7))
    for month, days in QUARTER.items():
        after = days[-1] + dt.timedelta(days=1)
        books.at(after + dt.timedelta(days=4))
        for provider in books.providers:
            books.load(provider, days)
        told = {provider: bill(books, provider, month, after) for provider in ("openai", "anthropic")}
        if month == CORRECTED:
            books.restate("openai", days[-1], "2")  # after its invoice, before it is final
            books.restate("anthropic", days[-2], "0.5")
        books.days(4)  # the last of the month is final then, and Google has delivered its late rows
        told["gcp"] = bill(books, "gcp", month, after)
        books.days(1)
        for provider, parts in told.items():
            late = {"billed_later"} if month == CORRECTED and provider != "gcp" else set()
            check_month(books.month(provider, month), parts, late)
        if month == CORRECTED:
            local.clock.advance(hours=1)
            books.restate("openai", days[14], "1.5")  # after the close
            books.load("openai", [days[14]])
    changes = books.query("SELECT * FROM {org}.closed_month_changes WHERE usage_date >= '2026-07-01'")
    assert {(each["provider"], each["usage_date"]) for each in changes} == {("openai", dt.date(2026, 8, 15))}
    causes = {
        each["cause"] for each in books.query("SELECT cause FROM {org}.cost_changes WHERE usage_date >= '2026-07-01'")
    }
    assert {"first_load", "late_rows", "provider_correction"} <= causes


def exported(quarter: dict[str, list[dt.date]], seed: int) -> list[dict[str, Any]]:
    """An export of ten rows a day with the months' taxes, delivered as Google does: some rows days later.

    The first day after the quarter is there too: the last month ends in its first hours.
    """
    days = [day for month in quarter.values() for day in month]
    rows = [each for day in [*days, days[-1] + dt.timedelta(days=1)] for each in rows_for_day(seed, day, 10)]
    for last in [month[-1] for month in quarter.values()]:  # one more row of it comes when its month was loaded
        late = {"export_time": f"{last + dt.timedelta(days=6)} 09:00:00 UTC"}
        partition = {"_partition_date": str(last + dt.timedelta(days=6))}
        rows += [each | late | partition for each in list(rows_for_day(seed, last, 10))[:1]]
    return rows


def bill(books: Bookkeeper, provider: str, month: str, issued: dt.date) -> dict[str, Decimal]:
    """Tells an invoice of what the provider's own data says now, with tax and prepaid where that has none."""
    cost = books.cost(provider, month).quantize(CENT)
    if provider == "gcp":  # its rows have tax and credits
        books.invoice(provider, month, cost)
        return {}
    tax = (cost * Decimal("0.19")).quantize(CENT)
    told = {"tax_not_told": tax} | (
        {"credits": Decimal("-3.5")} if provider == "openai" else {"priority_tier": 40 * CENT}
    )
    names = {"tax_not_told": "tax"}
    fields = {names.get(name, name): str(amount) for name, amount in told.items()}
    if provider == "openai":  # an invoice tells all credits, also those that are rows
        fields["credits"] = str(told["credits"] + books.credits(provider, month))
    books.invoice(provider, month, cost + sum(told.values()), issued_on=issued.isoformat(), **fields)
    return told


def check_month(found: dict[str, Any], parts: dict[str, Decimal], late: set[str]) -> None:
    """A month is closed, and its residual has these parts, those of lateness, and what is rounded."""
    rest = {name: amount for name, amount in named(found).items() if name != "rounding"}
    print(found["provider"], found["invoice_month"], found["cost"], found["invoice_total"], named(found))  # noqa: T201
    assert (found["status"], set(rest)) == ("closed", {*parts} | late), found
    assert {name: rest[name] for name in parts} == parts
    assert sum(named(found).values()) == found["residual"] == found["invoice_total"] - found["cost"]
