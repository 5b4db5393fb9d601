"""Charges of an org for the tests of its costs: raw rows of three providers, and what they are, summed in Decimal.

What the service makes of the rows with SQL, `total` makes of `CHARGES` with a loop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from google.cloud.bigquery import LoadJobConfig

from cloudact import clients
from localcloud.onboarding import NewOrg, OnboardedOrg, onboard
from tests.conftest import Local
from tests.infra.focus_rows import Row, gcp, openai

FIRST, LAST = date(2026, 9, 1), date(2026, 11, 11)
MODELS = ("gpt-6", "gpt-6-mini", "o4", None)
TEAMS = ("search", "ads", 'a"b\\c', None)


@dataclass(frozen=True)
class Charge:
    """A charge as the API should tell it."""

    day: date
    provider: str
    billed: Decimal
    currency: str = "USD"
    service: str = "OpenAI API"
    model: str | None = None
    token_type: str | None = None
    sub_account: str | None = None
    api_key: str | None = None
    region: str | None = None
    team: str | None = None
    tokens: int | None = None
    invoice_month: str | None = None


def charges(seed: int = 1, rows_per_day: int = 6) -> list[Charge]:
    """Charges of each day, the same ones for the same seed; some are below zero, and many lack a dimension."""
    rng, found, day = random.Random(seed), [], FIRST
    while day <= LAST:
        found += [_of_google(rng, day) if rng.random() < 0.5 else _of_openai(rng, day) for _ in range(rows_per_day)]
        day += timedelta(days=1)
    return found


def _of_google(rng: random.Random, day: date) -> Charge:
    late = rng.random() < 0.2
    month = (day.replace(day=1) + timedelta(days=40 if late else 0)).strftime("%Y%m")
    return Charge(
        day,
        "gcp",
        Decimal(rng.randrange(-(10**9), 10**12)).scaleb(-9),
        currency=rng.choice(["USD", "USD", "EUR"]),
        service=rng.choice(["Compute Engine", "BigQuery", "Cloud SQL"]),
        sub_account=rng.choice(["p-1", "p-2", None]),
        region=rng.choice(["us-central1", None]),
        team=rng.choice(TEAMS),
        invoice_month=month,
    )


def _of_openai(rng: random.Random, day: date) -> Charge:
    model = rng.choice(MODELS)
    return Charge(
        day,
        "openai",
        Decimal(rng.randrange(1, 10**11)).scaleb(-9),
        model=model,
        token_type=rng.choice(["input", "output", "cached_input"]) if model else None,
        sub_account=rng.choice(["proj_a", None]),
        api_key=rng.choice(["key_1", "key_2", None]),
        tokens=rng.randrange(1, 10**9) if model else None,
    )


def raw_row(charge: Charge) -> tuple[str, Row]:
    """Table and row that the charge is loaded as."""
    same = {"usage_date": str(charge.day), "currency": charge.currency, "project_id": charge.sub_account}
    if charge.provider == "gcp":
        team = "{}" if charge.team is None else f'{{"team":{_json(charge.team)}}}'
        money = dict.fromkeys(("cost", "net_cost", "list_cost", "contracted_cost"), str(charge.billed))
        of_google = {"service_description": charge.service, "region": charge.region, "labels": team}
        return "gcp_billing_daily_raw", gcp(**same, **money, **of_google, invoice_month=charge.invoice_month)
    words = (charge.token_type or "").replace("_", " ")
    line = f"{charge.model}, {words}" if charge.model else "credit"
    quantity = {"quantity": str(charge.tokens), "quantity_unit": "tokens"} if charge.tokens else {}
    told = {"amount": str(charge.billed), "line_item": line, "api_key_id": charge.api_key}
    return "openai_cost_daily_raw", openai(**same, **told, **quantity)


def _json(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def total(found: Iterable[Charge], of: Callable[[Charge], bool] = lambda _: True) -> Decimal:
    """Sum of what is billed for the charges that fit."""
    return sum((each.billed for each in found if of(each)), Decimal())


def load(local: Local, org_slug: str, found: Iterable[Charge]) -> None:
    """Appends the charges to the org's raw tables."""
    client, tables = clients.bigquery(local.settings), dict[str, list[Row]]()
    for charge in found:
        table, row = raw_row(charge)
        tables.setdefault(table, []).append(row | {"org_slug": org_slug})
    for table, rows in tables.items():
        config = LoadJobConfig(schema=client.get_table(f"{org_slug}.{table}").schema)
        client.load_table_from_json(rows, f"{org_slug}.{table}", job_config=config).result()


def org_with_costs(local: Local, slug: str, found: Iterable[Charge]) -> OnboardedOrg:
    """A new org, with views, whose tables have the charges."""
    source = {"source_project": f"{slug.replace('_', '-')}-billing", "source_dataset": "d", "source_table": "t"}
    org = onboard(local.settings, NewOrg(slug, source), local.tables)
    load(local, slug, found)
    return org
