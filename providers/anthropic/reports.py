"""Anthropic's usage, costs and Claude Code activity of one UTC day as rows of our three tables.

Facts: amounts are decimal strings in cents; cache writes are nested; at most five dimensions a call; the costs leave
the priority tier out. Two generations answer: the reports, and (setting `api: analytics`) the newer analytics.
https://platform.claude.com/docs/en/manage-claude/usage-cost-api
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from cloudact.error_codes import Code
from cloudact.errors import Stop
from providers.anthropic.api import (
    ANALYTICS_BETA,
    ANALYTICS_COST,
    ANALYTICS_USAGE,
    ANTHROPIC,
    COST_REPORT,
    MESSAGES,
    day_bounds,
)
from providers.anthropic.claude_code import claude_code
from providers.exact_json import exact_json
from providers.grouping import by_what_is_accepted
from providers.http import ProviderHttp, Refused
from providers.lines import Line, exact_sum, from_cents, numeric
from providers.notes import Notes
from providers.pages import NextPage
from providers.source import Row, Table

USAGE_TABLE = Table("anthropic_usage_daily_raw", as_of="data_refreshed_at")
CLAUDE_CODE_TABLE = Table("anthropic_claude_code_daily_raw")  # its costs are estimates, which nobody pays
COST_TABLE = Table("anthropic_cost_daily_raw", money="amount", as_of="data_refreshed_at")

# Five of nine: who (workspace, key) and what (model, tier, context window) make the price and the showback. Left out:
# account and service account (people and machines behind keys), speed (needs a beta), and inference_geo, which the
# costs have by themselves.
USAGE_GROUPS = ("model", "workspace_id", "api_key_id", "service_tier", "context_window")
COST_GROUPS = ("workspace_id", "description")  # all that the cost report has; description brings the rest
ANALYTICS_COST_GROUPS = (*USAGE_GROUPS, "cost_type", "token_type")  # the last two do not count among the five
ROWS = "1000"  # the largest page

_TEXTS_OF_COST = (
    "workspace_id",
    "description",
    "cost_type",
    "token_type",
    "model",
    "service_tier",
    "context_window",
    "inference_geo",
)
_KNOWN_TOKENS = frozenset(
    {
        "uncached_input_tokens",
        "cache_read_input_tokens",
        "cache_creation.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
        "output_tokens",
        "server_tool_use.web_search_requests",
    }
)
# The dimensions that we do not group by come as nulls; where they hold something, they are kept as extra.
_KNOWN_USAGE = frozenset({*USAGE_GROUPS, *_KNOWN_TOKENS})
_KNOWN_COST = frozenset({"amount", "currency", *_TEXTS_OF_COST})
_KNOWN_ANALYTICS_USAGE = frozenset({*_KNOWN_TOKENS, "total_tokens", "requests"})
_KNOWN_ANALYTICS_COST = frozenset({"amount", "list_amount", "currency", "requests"})


class _Generation(Protocol):
    """One of the two generations of the API."""

    def usage(self) -> Iterator[Row]:
        """Rows of token usage."""

    def costs(self) -> Iterator[Row]:
        """Rows of costs."""

    def total(self) -> Iterator[Line]:
        """The costs as lines with `amount` (cents) and `currency`, not grouped."""


class AnthropicReports:
    """Anthropic's reports of one UTC day. `generation` is `reports` or `analytics`."""

    def __init__(self, api: ProviderHttp, day: date, notes: Notes, asked_on: date, generation: str = "reports") -> None:
        if generation not in ("reports", "analytics"):
            raise Stop(
                Code.MISCONFIGURED, "The setting api must be reports or analytics.", "Set up the integration again."
            )
        self._pages = NextPage(api, ANTHROPIC.name)
        self._day = day
        self._notes = notes
        kind = _Analytics if generation == "analytics" else _Reports
        self._generation: _Generation = kind(self._pages, day, notes)
        self._asked_on = asked_on

    def rows(self, reports: Sequence[str]) -> Sequence[tuple[Table, Iterator[Row]]]:
        """The table of each report with its rows, which are read while they are iterated."""
        tables = {
            "messages": (USAGE_TABLE, self._closed(self._generation.usage())),
            "claude_code": (CLAUDE_CODE_TABLE, claude_code(self._pages, self._day, self._notes)),
            "cost": (COST_TABLE, self._closed(self._generation.costs())),
        }
        return [tables[report] for report in reports]

    def total(self) -> Mapping[str, Decimal]:
        """The day's costs by currency, in its main unit, as Anthropic adds them up."""
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in self._generation.total():
            sums[line.currency()] = exact_sum(sums[line.currency()], _dollars(line, "amount"))
        return sums

    def _closed(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yields the rows. Raises `Stop` for a recent day that Anthropic has not closed.

        Such a day is refused as a range that ends before it starts; nothing but the text tells it.
        """
        try:
            yield from rows
        except Refused as err:
            recent = self._asked_on - self._day <= timedelta(days=2)
            if not recent or err.refusal.status != 400 or "date range" not in err.refusal.message:
                raise
            message = f"Anthropic has not closed the day {self._day.isoformat()} yet."
            raise Stop(Code.DAY_NOT_CLOSED, message, "Start the run again in a few hours.") from err


class _Reports:
    """The reports of the first generation: buckets of results."""

    def __init__(self, pages: NextPage, day: date, notes: Notes) -> None:
        self._pages = pages
        self._day = day
        self._notes = notes

    def usage(self) -> Iterator[Row]:
        for line in self._grouped(MESSAGES, USAGE_GROUPS):
            extra = line.unknown(_KNOWN_USAGE)
            self._notes.new("messages", extra)
            yield {
                "usage_date": self._day,
                "api": "usage_report",
                **{name: line.text(name) for name in USAGE_GROUPS},
                **_tokens(line),
                "requests": None,
                "data_refreshed_at": None,
                "extra": exact_json(extra) if extra else None,
            }

    def costs(self) -> Iterator[Row]:
        for line in self._grouped(COST_REPORT, COST_GROUPS):
            self._notes.new("cost", line.unknown(_KNOWN_COST))
            texts = {name: line.text(name) for name in _TEXTS_OF_COST}
            price = _price(line, texts, self._notes)
            if price is None:
                continue
            yield {
                "usage_date": self._day,
                "api": "cost_report",
                "api_key_id": None,
                **texts,
                **price,
                "list_amount": None,
                "requests": None,
                "data_refreshed_at": None,
                "raw": line.as_json(),
            }

    def total(self) -> Iterator[Line]:
        return self._lines(COST_REPORT, ())

    def _grouped(self, path: str, groups: Sequence[str]) -> Iterator[Line]:
        return by_what_is_accepted(lambda by: self._lines(path, by), groups, _report(path), self._notes)

    def _lines(self, path: str, groups: Sequence[str]) -> Iterator[Line]:
        where = f"Anthropic {path.rpartition('/')[2]}"
        query = [*day_bounds(self._day), ("bucket_width", "1d"), ("limit", "1")]
        query += [("group_by[]", group) for group in groups]
        for number, page in enumerate(self._pages.read(path, query), 1):
            for bucket in Line(page, f"{where}, page {number}", self._notes.odd).parts("data"):
                _require_day(bucket, self._day)
                yield from bucket.parts("results")


class _Analytics:
    """The analytics of the second generation: rows with a group, and when their data was refreshed."""

    def __init__(self, pages: NextPage, day: date, notes: Notes) -> None:
        self._pages = pages
        self._day = day
        self._notes = notes

    def usage(self) -> Iterator[Row]:
        for row, refreshed_at in self._grouped(ANALYTICS_USAGE, USAGE_GROUPS):
            group, usage = row.part("group"), row.part("usage")
            extra = usage.unknown(_KNOWN_ANALYTICS_USAGE) | group.unknown(USAGE_GROUPS)
            self._notes.new("analytics/usage", extra)
            yield {
                "usage_date": self._day,
                "api": "analytics",
                **{name: group.text(name) for name in USAGE_GROUPS},
                **_tokens(usage),
                "requests": usage.count("requests"),
                "data_refreshed_at": refreshed_at,
                "extra": exact_json(extra) if extra else None,
            }

    def costs(self) -> Iterator[Row]:
        for row, refreshed_at in self._grouped(ANALYTICS_COST, ANALYTICS_COST_GROUPS):
            group, cost = row.part("group"), row.part("cost")
            new = cost.unknown(_KNOWN_ANALYTICS_COST) | group.unknown(ANALYTICS_COST_GROUPS)
            self._notes.new("analytics/cost", new)
            texts = {name: group.text(name) for name in ANALYTICS_COST_GROUPS}
            price, at_list = _price(cost, texts, self._notes), cost.known("list_amount")
            if price is None:
                continue
            yield {
                "usage_date": self._day,
                "api": "analytics",
                "description": None,
                "inference_geo": group.text("inference_geo"),
                **texts,
                **price,
                "list_amount": None if at_list is None else numeric(from_cents(at_list)),
                "requests": cost.count("requests"),
                "data_refreshed_at": refreshed_at,
                "raw": row.as_json(),
            }

    def total(self) -> Iterator[Line]:
        return (row.part("cost") for row, _ in self._rows(ANALYTICS_COST, ()))

    def _grouped(self, path: str, groups: Sequence[str]) -> Iterator[tuple[Line, datetime | None]]:
        return by_what_is_accepted(lambda by: self._rows(path, by), groups, _report(path), self._notes)

    def _rows(self, path: str, groups: Sequence[str]) -> Iterator[tuple[Line, datetime | None]]:
        where = f"Anthropic {path.partition('organizations/')[2]}"
        query = [*day_bounds(self._day), ("time_bucket_width", "1d"), ("limit", ROWS)]
        query += [("group_by[]", group) for group in groups]
        for number, page in enumerate(self._pages.read(path, query, ANALYTICS_BETA), 1):
            answer = Line(page, f"{where}, page {number}", self._notes.odd)
            refreshed_at = answer.time("data_refreshed_at")
            for row in answer.parts("data"):
                _require_day(row, self._day)
                yield row, refreshed_at


def _report(path: str) -> str:
    return f"Anthropic's report {path.partition('organizations/')[2]}"


def _price(line: Line, dimensions: Mapping[str, str | None], notes: Notes) -> Row | None:
    """Amount and currency of a line; `None`, and noted, where Anthropic gives no amount."""
    try:
        return {"amount": numeric(_dollars(line, "amount")), "currency": line.currency()}
    except Stop as err:
        notes.without_amount(err.message, dimensions)
        return None


def _tokens(line: Line) -> dict[str, int]:
    written = line.part("cache_creation")
    kinds = {
        "uncached_input_tokens": line.count("uncached_input_tokens") or 0,
        "cache_read_input_tokens": line.count("cache_read_input_tokens") or 0,
        "cache_creation_5m_input_tokens": written.count("ephemeral_5m_input_tokens") or 0,
        "cache_creation_1h_input_tokens": written.count("ephemeral_1h_input_tokens") or 0,
    }
    return {
        "input_tokens": sum(kinds.values()),
        "output_tokens": line.count("output_tokens") or 0,
        **kinds,
        "web_search_requests": line.part("server_tool_use").count("web_search_requests") or 0,
    }


def _dollars(line: Line, name: str) -> Decimal:
    """Cents in the currency's main unit, nothing rounded. All amounts of this API are in the lowest unit."""
    return from_cents(line.money(name))


def _require_day(bucket: Line, day: date) -> None:
    start = bucket.time("starting_at")
    if start is None or start != datetime(day.year, day.month, day.day, tzinfo=UTC):
        raise bucket.unexpected("starting_at", "the day that was asked for")
