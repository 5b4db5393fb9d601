"""Forecast of what a month costs: what is loaded, days that will still change, and days to come (docs/adr/0042)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from cloudact.budgets.estimate import Range, Rest, Series, counts, total
from cloudact.budgets.months import Month
from cloudact.budgets.spending import ALL, Of, Spending, added, product, quotient


class Reason(StrEnum):
    """Reason why something is not known."""

    NOTHING_LOADED = "nothing_loaded"
    TOO_FEW_DAYS = "too_few_days"
    LABEL_UNKNOWN = "label_unknown"
    BALANCE_TOO_OLD = "balance_too_old"


@dataclass(frozen=True)
class Unknown:
    """What is not known, and why; `provider` is the one that it lies with, if it is one's."""

    reason: Reason
    provider: str | None = None


@dataclass(frozen=True)
class MonthForecast:
    """Costs of a month in one currency. `spent` is what is loaded of it, `None` where no day of it is.

    `forecast` is what it will be, `run_rate` the mean of its settled days times its days; `rests_on` counts days of
    providers. `unknown` tells why there is no forecast.
    """

    spent: Decimal | None
    forecast: Range | None
    run_rate: Decimal | None
    rests_on: Mapping[Rest, int]
    weeks: int
    unknown: Unknown | None


def forecast_of(
    spending: Spending, month: Month, currency: str, of: Of = ALL, provider: str | None = None
) -> MonthForecast:
    """Forecast of the month's costs, of one provider or of all that have such costs."""
    series = series_of(spending, month, currency, of, provider)
    days = list(month.days)
    known = {name: each for name, each in series.items() if any(day in each.loaded for day in days)}
    spent = added(each.spent(_until(month)) for each in known.values()) if known else None
    ranges = {name: each.of(days) for name, each in series.items()}
    told = [each for each in ranges.values() if each is not None]
    missing = next((name for name, each in sorted(ranges.items()) if each is None), None)
    unknown = Unknown(Reason.TOO_FEW_DAYS, missing) if missing is not None else None
    return MonthForecast(
        spent=spent,
        forecast=total(told) if series and not unknown else None,
        run_rate=_run_rate(list(series.values()), month),
        rests_on=counts(each.rest(day) for each in series.values() for day in days),
        weeks=min((len(each.weeks()) for each in series.values()), default=0),
        unknown=unknown if series else Unknown(Reason.NOTHING_LOADED, provider),
    )


def series_of(
    spending: Spending, month: Month, currency: str, of: Of = ALL, provider: str | None = None
) -> dict[str, Series]:
    """Series of each provider that has such costs, or, where none has, of all that have loaded days."""
    amounts = spending.by_provider(of, currency)
    loaded = {
        name: {day: state for day, state in days.items() if month.read_from <= day <= month.known_until}
        for name, days in spending.days.items()
    }
    names = [name for name, days in loaded.items() if days and (provider is None or name == provider)]
    charged = [name for name in names if any(day in loaded[name] for day in amounts.get(name, {}))]
    return {
        name: Series(amounts.get(name, {}), loaded[name], month.known_until, month.today)
        for name in sorted(charged or names)
    }


def _until(month: Month) -> list[date]:
    return [day for day in month.days if day <= month.known_until]


def _run_rate(series: Sequence[Series], month: Month) -> Decimal | None:
    """Sum over providers of the mean of the month's settled days, times its days; `None` where one has none."""
    days, rates = list(month.days), []
    for each in series:
        settled = [found.amount for day in days if (found := each.range(day)) is not None]
        if not settled:
            return None
        rates.append(quotient(product(added(settled), Decimal(len(days))), Decimal(len(settled))))
    return added(rates) if rates else None
