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
    STOPPED = "stopped"
    LABEL_UNKNOWN = "label_unknown"
    VALUE_UNKNOWN = "value_unknown"
    BALANCE_TOO_OLD = "balance_too_old"

    @property
    def is_of_nothing(self) -> bool:
        """Whether a budget has this reason because it covers no costs any more."""
        return self in (Reason.LABEL_UNKNOWN, Reason.VALUE_UNKNOWN)


@dataclass(frozen=True)
class Unknown:
    """What is not known, and why; `provider` is the one that it lies with, if it is one's."""

    reason: Reason
    provider: str | None = None


@dataclass(frozen=True)
class Stopped:
    """Provider that is loaded no more, and its last loaded day: nothing is expected of it."""

    provider: str
    last_day: date


@dataclass(frozen=True)
class Began:
    """Provider without a loaded day before this one, of the days that are read: nothing is expected of those."""

    provider: str
    first_day: date


@dataclass(frozen=True)
class MonthForecast:
    """Costs of a month in one currency. `spent` is what is loaded of it, `None` where no day of it is.

    `forecast` is what it will be, `run_rate` the mean of its settled days times its days; `rests_on` counts days of
    providers. `unknown` tells why there is no forecast, `stopped` which providers count with what they have alone,
    and `began` of which nothing is counted before a day of it.
    """

    spent: Decimal | None
    forecast: Range | None
    run_rate: Decimal | None
    rests_on: Mapping[Rest, int]
    weeks: int
    unknown: Unknown | None
    stopped: Sequence[Stopped] = ()
    began: Sequence[Began] = ()


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
    stopped = [Stopped(name, each.last_day) for name, each in series.items() if each.has_stopped]
    began = [Began(name, each.first_day) for name, each in series.items() if each.first_day > month.first]
    unknown = _unknown(series, ranges, provider, is_any_loaded=bool(known))
    return MonthForecast(
        spent=spent,
        forecast=None if unknown else total(told),
        run_rate=_run_rate(list(series.values()), month),
        rests_on=counts(each.rest(day) for each in series.values() for day in filter(each.has, days)),
        weeks=min((len(each.weeks) for each in series.values() if not each.has_stopped), default=0),
        unknown=unknown,
        stopped=stopped,
        began=began,
    )


def _unknown(
    series: Mapping[str, Series], ranges: Mapping[str, Range | None], provider: str | None, *, is_any_loaded: bool
) -> Unknown | None:
    """Why there is no forecast; `None` where there is one."""
    if not series:
        return Unknown(Reason.NOTHING_LOADED, provider)
    if not is_any_loaded and all(each.has_stopped for each in series.values()):
        return Unknown(Reason.STOPPED, min(series))
    missing = [name for name, each in ranges.items() if each is None]
    return Unknown(Reason.TOO_FEW_DAYS, min(missing)) if missing else None


def series_of(
    spending: Spending, month: Month, currency: str, of: Of = ALL, provider: str | None = None
) -> dict[str, Series]:
    """Series of each provider that has such costs, or, where none has, of all that have loaded days.

    Those that have stopped before the month are no answer where another one goes on: it may cost nothing.
    """
    amounts = spending.by_provider(of, currency)
    loaded = {
        name: {day: state for day, state in days.items() if month.read_from <= day <= month.seen_until}
        for name, days in spending.days.items()
        if provider is None or name == provider
    }
    series = {
        name: Series(amounts.get(name, {}), loaded[name], month.known_until, month.today)
        for name in sorted(loaded)
        if any(day <= month.known_until for day in loaded[name])
    }
    charged = {name: each for name, each in series.items() if each.is_charged}
    live = [name for name, each in series.items() if any(map(each.has, month.days))]
    return series if live and not charged.keys() & live else charged or series


def _until(month: Month) -> list[date]:
    return [day for day in month.days if day <= month.known_until]


def _run_rate(series: Sequence[Series], month: Month) -> Decimal | None:
    """Sum over providers of the mean of the month's settled days, times its days; `None` where one has none.

    One that began within the month, or has stopped, has only its own days.
    """
    rates = []
    for each in series:
        days = list(filter(each.has, month.days))
        settled = [found.amount for day in days if (found := each.range(day)) is not None]
        if each.has_stopped and not days:
            continue
        if not settled:
            return None
        rates.append(quotient(product(added(settled), Decimal(len(days))), Decimal(len(settled))))
    return added(rates) if rates else None
