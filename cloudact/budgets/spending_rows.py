"""Rows of `sql/costs/spending.sql` as what an org has spent. Knows no warehouse."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeAlias

from cloudact.budgets.restatements import shares_by_day
from cloudact.budgets.spending import NOTHING, LoadedDay, Of, Shares, Spending

SETTLES_AFTER_MINUTES: Final = 24 * 60  # from the end of a day to a reading of it, as anomalies have it
SETTLES_AFTER_DAYS: Final = 7  # where nothing but that it was loaded is known of a day
Row: TypeAlias = Mapping[str, Any]
NEARLY_ALL: Final = Decimal("0.95")  # of a day that is settling, by what the view `settledness` calls so


def spending_of(rows: Iterable[Row], today: date) -> Spending:
    """Costs and days that the rows tell."""
    amounts: dict[tuple[Of, str], dict[str, dict[date, Decimal]]] = {}
    days: list[Row] = []
    reads: list[Row] = []
    for row in rows:
        if row["part"] == "amount":
            of = Of(row["label"], row["value"])
            by_provider = amounts.setdefault((of, row["currency"]), {})
            by_provider.setdefault(row["provider"], {})[row["usage_date"]] = row["amount"] or NOTHING
        else:
            (days if row["part"] == "day" else reads).append(row)
    shares, loaded = shares_by_day(reads), dict[str, dict[date, LoadedDay]]()
    for row in days:
        provider, day = row["provider"], row["usage_date"]
        loaded.setdefault(provider, {})[day] = _loaded(row, shares.get((provider, day)), today)
    return Spending(amounts, loaded)


def _loaded(row: Row, shares: Shares | None, today: date) -> LoadedDay:
    if row["is_half_loaded"]:
        return LoadedDay(is_final=False, is_settled=False)
    if row["state"] is None:  # loaded before there was a history of days
        is_old = (today - row["usage_date"]).days > SETTLES_AFTER_DAYS
        return LoadedDay(is_final=is_old, is_settled=is_old)
    if row["state"] == "final":
        return LoadedDay(is_final=True, is_settled=True)
    if shares is not None:
        return LoadedDay(is_final=False, is_settled=shares.least >= NEARLY_ALL, shares=shares)
    return LoadedDay(
        is_final=False, is_settled=row["state"] == "settling" and row["age_minutes"] >= SETTLES_AFTER_MINUTES
    )
