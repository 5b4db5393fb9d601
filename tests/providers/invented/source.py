"""Aqua's usage and costs of one UTC day, as rows of its tables. Only jobs open it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from providers.calls import Calls
from providers.http import ProviderHttp
from providers.lines import Line, exact_sum, numeric
from providers.notes import Notes
from providers.pages import NextPage
from providers.reports import Reports, ReportSource, open_api
from providers.source import Row, Source, SourceContext, Table
from tests.providers.invented.api import AQUA, COSTS, TOTAL, USAGE, day_query

USAGE_TABLE = Table("aqua_usage_daily_raw")
COST_TABLE = Table("aqua_cost_daily_raw", money="amount", credits_below_zero=True)
# FILL IN 3: the fields of a line that we know (others are told to the run's owner), and below the columns of each row.
_USAGE_FIELDS = frozenset({"project_id", "product", "quantity", "unit"})
_COST_FIELDS = frozenset({"project_id", "product", "amount", "currency"})


def open_source(context: SourceContext) -> Source:
    """The source of the run's day; nothing is called before it is read."""
    region = str(context.integration.settings.get("region", "eu"))

    def open_reports(notes: Notes, calls: Calls) -> Reports:
        return AquaReports(open_api(context, AQUA, calls), context.run.date, region, notes)

    return ReportSource(AQUA.name, (USAGE_TABLE, COST_TABLE), open_reports, context.break_off)


class AquaReports:
    """The reports of one day and region."""

    def __init__(self, api: ProviderHttp, day: date, region: str, notes: Notes) -> None:
        self._pages = NextPage(api, AQUA.name)
        self._day = day
        self._query = day_query(day, region)
        self._notes = notes

    def rows(self, reports: Sequence[str]) -> Sequence[tuple[Table, Iterator[Row]]]:
        """Usage in one table, costs in the other; the costs last."""
        wanted = (("usage", USAGE_TABLE, self._usage), ("costs", COST_TABLE, self._costs))
        return [(table, read()) for report, table, read in wanted if report in reports]

    def total(self) -> Mapping[str, Decimal]:
        """The account's own total of the day by currency."""
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in self._lines(TOTAL):
            sums[line.currency()] = exact_sum(sums[line.currency()], line.money("amount"))
        return sums

    def _usage(self) -> Iterator[Row]:
        for line in self._lines(USAGE):
            self._notes.new("usage", line.unknown(_USAGE_FIELDS))
            yield {**self._of_what(line), "quantity": numeric(line.money("quantity")), "unit": line.text("unit")}

    def _costs(self) -> Iterator[Row]:
        for line in self._lines(COSTS):
            self._notes.new("costs", line.unknown(_COST_FIELDS))
            yield {**self._of_what(line), "amount": numeric(line.money("amount")), "currency": line.currency()}

    def _of_what(self, line: Line) -> Row:
        return {"usage_date": self._day, "project_id": line.text("project_id"), "product": line.text("product")}

    def _lines(self, path: str) -> Iterator[Line]:
        for number, page in enumerate(self._pages.read(path, self._query), 1):
            yield from Line(page, f"Aqua {path}, page {number}", self._notes.odd).parts("data")
