"""What the demo prints of costs: the month to date, what has grown most, and the day on which something went wrong."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client, QueryJobConfig, ScalarQueryParameter

from localcloud.company.activity import Account
from localcloud.onboarding import OnboardedOrg
from localcloud.stack import Stack

WEEK, FORTNIGHT = dt.timedelta(days=7), dt.timedelta(days=14)
MOST_SHOWN = 8
BAR = 16
COSTS = """
SELECT
  x_UsageDate AS day, ProviderName AS provider, ServiceName AS service, IFNULL(SubAccountName, '-') AS account,
  BillingCurrency AS currency, SUM(BilledCost) AS amount
FROM `{dataset}.focus_costs`
WHERE x_UsageDate >= @first AND x_UsageDate <= @last AND ChargeCategory != 'Tax'
GROUP BY day, provider, service, account, currency
"""


@dataclass(frozen=True)
class Cost:
    """What a service cost in a project or workspace on a day, before tax."""

    day: dt.date
    provider: str
    service: str
    account: str
    currency: str
    amount: Decimal

    @property
    def what(self) -> str:
        """The service with whose it is; OpenAI and Anthropic have one service each."""
        return self.service if self.provider == "Google Cloud" else f"{self.provider}: {self.service}"


def read_costs(stack: Stack, org: OnboardedOrg, yesterday: dt.date) -> list[Cost]:
    """The costs of the month, the last fortnight, and the days around the mistake, in one query of the org's view."""
    options = ClientOptions(api_endpoint=stack.bigquery_url)
    client = Client(project=stack.project, credentials=AnonymousCredentials(), client_options=options)
    first = min(yesterday.replace(day=1), yesterday - FORTNIGHT, *(day - WEEK for day in _mistake(org)))
    parameters = [ScalarQueryParameter("first", "DATE", first), ScalarQueryParameter("last", "DATE", yesterday)]
    config = QueryJobConfig(query_parameters=parameters)
    rows = client.query_and_wait(COSTS.format(dataset=org.org_slug), job_config=config)
    return [Cost(*row.values()) for row in rows]


def report(org: OnboardedOrg, yesterday: dt.date, costs: list[Cost]) -> str:
    """The text, no line of it longer than 80 characters."""
    days = {cost.day for cost in costs}
    month = [cost for cost in costs if cost.day >= yesterday.replace(day=1)]
    currency = next((cost.currency for cost in costs), "")
    since = min((cost.day for cost in month), default=yesterday)
    span = f"{since:%-d} to {yesterday:%-d %B %Y}" if since < yesterday else f"{yesterday:%-d %B %Y}"
    lines = [
        "",
        f"{org.org_slug}: {span}, before tax",
        *_table("by provider", _sums(month, lambda cost: cost.provider), currency),
        *_table("by service", _sums(month, lambda cost: cost.what), currency),
    ]
    if yesterday - FORTNIGHT + dt.timedelta(days=1) in days:
        lines += _movers(costs, yesterday, currency)
    for day in _mistake(org)[:1]:
        if {day, day - WEEK} <= days:
            lines += _what_went_wrong(costs, day, currency)
    return "\n".join(lines)


def _mistake(org: OnboardedOrg) -> tuple[dt.date, ...]:
    return Account(org.org_slug, dt.date.fromisoformat(org.since)).mistake if org.since else ()


def _sums(costs: Iterable[Cost], name: Callable[[Cost], str]) -> dict[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for cost in costs:
        sums[name(cost)] += cost.amount
    return dict(sorted(sums.items(), key=lambda each: -each[1]))


def _table(title: str, sums: dict[str, Decimal], currency: str) -> list[str]:
    """A line for each name with its part of the whole; the smallest are one line together."""
    total = sum(sums.values(), Decimal())
    shown = dict(list(sums.items())[:MOST_SHOWN])
    if rest := [amount for name, amount in sums.items() if name not in shown]:
        shown[f"{len(rest)} others"] = sum(rest, Decimal())
    lines = [
        _line(name, amount, f"{_part(amount, total):>6.1%}  {_bar(amount, total)}") for name, amount in shown.items()
    ]
    return ["", f"  {title}, {currency}", *lines, _line("together", total, "")]


def _movers(costs: list[Cost], yesterday: dt.date, currency: str) -> list[str]:
    last = _sums((cost for cost in costs if yesterday - WEEK < cost.day), lambda cost: cost.what)
    before = _sums(
        (cost for cost in costs if yesterday - FORTNIGHT < cost.day <= yesterday - WEEK), lambda cost: cost.what
    )
    changes = {name: last.get(name, Decimal()) - before.get(name, Decimal()) for name in {*last, *before}}
    most = sorted(changes.items(), key=lambda each: (-abs(each[1]), each[0]))[:5]
    lines = [_line(name, change, f"from {before.get(name, Decimal()):,.2f}", sign="+") for name, change in most]
    return ["", f"  moved most, the last seven days against the seven before, {currency}", *lines]


def _what_went_wrong(costs: list[Cost], day: dt.date, currency: str) -> list[str]:
    """What grew most on the day, beside the same weekday of the week before."""

    def name(cost: Cost) -> str:
        return f"{cost.what}, {cost.account}"

    then = _sums((cost for cost in costs if cost.day == day), name)
    usual = _sums((cost for cost in costs if cost.day == day - WEEK), name)
    grown = max(then, key=lambda each: then[each] - usual.get(each, Decimal()))
    return [
        "",
        f"  one day stands out: {day:%A, %-d %B %Y}, and the day after, {currency}",
        _line("all costs", sum(then.values(), Decimal()), f"a week before {sum(usual.values(), Decimal()):,.2f}"),
        _line(grown, then[grown], f"a week before {usual.get(grown, Decimal()):,.2f}"),
    ]


def _line(name: str, amount: Decimal, more: str, sign: str = "") -> str:
    return f"    {name:<36.36} {amount:>{sign}12,.2f}  {more}".rstrip()


def _part(amount: Decimal, total: Decimal) -> Decimal:
    return amount / total if total else Decimal()


def _bar(amount: Decimal, total: Decimal) -> str:
    return "█" * int(_part(amount, total) * BAR + Decimal("0.5"))
