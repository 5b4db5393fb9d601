"""Months close, from Cloud Scheduler's call to the views: invoices, late rows, corrections, and what comes afterwards."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact.runs.run import Run, TriggerType
from functions.composition import compose
from functions.routes import public_app
from jobs.months import tie_months
from localcloud.integrations import ProviderAccount
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from localcloud.providers.keys import Restatement
from providers.org_day import OrgDay
from tests.conftest import Local, load_rows
from tests.functions.fleet import Fleet, new_fleet
from tests.jobs.exports import row
from tests.log_lines import written_lines
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
    def today(self) -> dt.date:
        return self.fleet.local.clock().date()

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
    return Bookkeeper(fleet, org, providers)


def span(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]


def named(month: dict[str, Any]) -> dict[str, Decimal]:
    return {part["name"]: part["amount"] for part in month["parts"]}


FEBRUARY = span(dt.date(2026, 2, 1), dt.date(2026, 2, 28))


def test_a_month_closes_once(local: Local) -> None:
    """A month ties once its last day is final: what was restated before is in it, tax and rounding have a name, and
    what the provider corrects after the close stands beside it, by day and by run, and changes nothing of it."""
    books = bookkeeper(local, dt.date(2026, 3, 1), ("openai",))
    books.load("openai", FEBRUARY[:-1])
    assert books.month("openai", "202602")["status"] == "open"
    books.days(1)  # loads the first of March, and looks at the end of February again
    books.load("openai", FEBRUARY[-1:])
    before = books.cost("openai", "202602")
    books.restate("openai", FEBRUARY[-1], "2")
    books.days(1)
    cost = books.cost("openai", "202602")
    assert cost > before
    total = (cost * Decimal("1.19")).quantize(CENT)
    tax = total - cost.quantize(CENT)
    books.invoice("openai", "202602", total - tax, issued_on="2026-03-01")
    for name, told in {"days_not_final": 4}.items():
        books.days(told)
        assert list(named(books.month("openai", "202602"))) == [name]
    books.days(3)
    month = books.month("openai", "202602")
    assert month["status"] == "closed"
    assert (month["cost"], month["provider_total"] - month["cost"] < CENT, month["days_missing"]) == (cost, True, 0)


def test_nothing_is_done_without_an_invoice(local: Local) -> None:
    """An org that has told none has its months neither copied nor looked at, but once a day and pipeline."""
    books = bookkeeper(local, dt.date(2026, 3, 20), ("openai",))
    day = OrgDay(books.run("openai", dt.date(2026, 3, 19), 1), books.slug, books.fleet.warehouse)
    tie_months(day, books.fleet.local.clock, lambda: None)
    assert books.fleet.warehouse.job(f"close_{day.run.run_id}") is None


def test_trouble_never_fails_a_run(local: Local) -> None:
    """A run whose months cannot be tied has loaded its day all the same, and the log says why."""
    books = bookkeeper(local, dt.date(2026, 3, 20), ("openai",))
    books.invoice("openai", "202602", Decimal(1))
    books.query("DROP VIEW {org}.copied_months")
    with written_lines() as lines:
        books.load("openai", [dt.date(2026, 3, 19)])
    (told,) = lines.of("months_not_tied")
    assert (told["org_slug"], "copied_months" in told["why"]) == (books.slug, True)
