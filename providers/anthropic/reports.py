"""Anthropic's usage, costs and Claude Code activity of one UTC day as rows of our three tables.

Facts: amounts are decimal strings in cents; cache writes are nested; at most five dimensions a call; the costs leave
the priority tier out. Two generations answer: the reports, and (setting `api: analytics`) the newer analytics.
https://platform.claude.com/docs/en/manage-claude/usage-cost-api
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial, reduce
from typing import Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.json_types import JsonObject
from providers.anthropic.api import (
    ANALYTICS_BETA,
    ANALYTICS_COST,
    ANALYTICS_USAGE,
    ANTHROPIC,
    COST_REPORT,
    MESSAGES,
    SPEED_BETA,
    day_bounds,
)
from providers.anthropic.claude_code import claude_code
from providers.anthropic.parts import SPLIT_BY, Part, PriceKind, by_part
from providers.columnar import PlainRows, Reader, ReadPage, with_rows
from providers.exact_json import exact_json
from providers.grouping import by_what_is_accepted
from providers.http import ProviderHttp, Refused
from providers.lines import Line, exact_sum, from_cents, numeric
from providers.notes import Notes
from providers.pages import NextPage, Pair
from providers.plain import COUNT, NOTHING, NUMBER, TEXT, Kind, PageShape, shape
from providers.source import Row, Table, TableRows

USAGE_TABLE = Table("anthropic_usage_daily_raw", as_of="data_refreshed_at")
CLAUDE_CODE_TABLE = Table("anthropic_claude_code_daily_raw")  # its costs are estimates, which nobody pays
COST_TABLE = Table("anthropic_cost_daily_raw", money="amount", as_of="data_refreshed_at", credits_below_zero=True)

# Five of nine: who (workspace, key) and what (model, tier, context window) make the price and the showback. Left out
# are account and service account (people and machines behind keys). inference_geo and speed make the price too, and
# are more than a question takes: a report is read in parts by them.
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


_TOKENS_SHAPE: dict[str, Kind] = {
    "uncached_input_tokens": COUNT,
    "cache_read_input_tokens": COUNT,
    "cache_creation": shape("CacheCreation", ephemeral_5m_input_tokens=COUNT, ephemeral_1h_input_tokens=COUNT) | None,
    "output_tokens": COUNT,
    "server_tool_use": shape("ServerToolUse", web_search_requests=COUNT) | None,
}
_USAGE_SHAPE = shape(
    "AnthropicUsage",
    **_TOKENS_SHAPE,
    **dict.fromkeys(USAGE_GROUPS, TEXT),
    **dict.fromkeys(("inference_geo", "account_id", "service_account_id", "speed"), NOTHING),
)
_COST_SHAPE = shape("AnthropicCost", {"amount": NUMBER, "currency": TEXT}, **dict.fromkeys(_TEXTS_OF_COST, TEXT))
# The analytics name every dimension in each row: null are those by which nobody groups.
_NO_GROUPS = (
    "actor", "actor_type", "agent_id", "claude_tag_category", "claude_tag_user_id", "deployment_id", "environment_id",
    "inference_geo", "organization_id", "product", "rbac_group_id", "session_id", "slack_channel_id", "speed",
    "user_profile_id",
)  # fmt: skip


def _analytics_shape(day: str, name: str, groups: Sequence[str], measures: type[Struct]) -> type[Struct]:
    """A row of the analytics of the day that starts at the instant `day`; `name` is the field of its measures."""
    group = shape("AnalyticsGroup", **dict.fromkeys(groups, TEXT), **dict.fromkeys(_NO_GROUPS, NOTHING))
    return shape("AnalyticsRow", {"starting_at": Literal[day], "group": group, name: measures}, ending_at=TEXT)


class _Generation(Protocol):
    """One of the two generations of the API."""

    def usage(self) -> Iterator[Row | pa.RecordBatch]:
        """Rows of token usage."""

    def costs(self) -> Iterator[Row | pa.RecordBatch]:
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

    def rows(self, reports: Sequence[str]) -> Sequence[TableRows]:
        """The table of each report with its rows, which are read while they are iterated."""
        tables: dict[str, TableRows] = {
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

    def _closed(self, rows: Iterator[Row | pa.RecordBatch]) -> Iterator[Row | pa.RecordBatch]:
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
        bucket = ("starting_at", dict(day_bounds(day))["starting_at"])
        self._usage_pages = PageShape(_USAGE_SHAPE, bucket)
        self._cost_pages = PageShape(_COST_SHAPE, bucket, keeps_text=True)

    def usage(self) -> Iterator[Row | pa.RecordBatch]:
        return by_part(self._kinds, self._usage_of, _report(MESSAGES), self._notes)

    def _usage_of(self, part: Part) -> Iterator[Row | pa.RecordBatch]:
        columns, row = partial(self._usage_columns, part), partial(self._usage_row, part)
        reader = Reader(columns, row, self._notes, "messages")
        return reader.read(self._grouped(MESSAGES, USAGE_GROUPS, self._usage_pages, part.filters))

    def _kinds(self) -> Iterator[PriceKind]:
        """Which geographies and speeds the day's usage has."""

        def read(groups: Sequence[str]) -> Iterator[Line]:
            pages = self._pages.read(MESSAGES, self._query(groups), _betas(groups))
            return (line for n, page in enumerate(pages, 1) for line in self._lines_of(MESSAGES, n, page))

        what = f"{_report(MESSAGES)} by {' and '.join(SPLIT_BY)}"
        for line in by_what_is_accepted(read, SPLIT_BY, what, self._notes):
            yield PriceKind(line.text("inference_geo"), line.text("speed"))

    def _usage_columns(self, part: Part, rows: PlainRows) -> Mapping[str, object]:
        texts = {name: rows.text(name) for name in USAGE_GROUPS}
        return {"usage_date": self._day, "api": "usage_report", **texts, **part.columns, **_token_columns(rows)}

    def _usage_row(self, part: Part, line: Line) -> Row:
        extra = line.unknown(_KNOWN_USAGE)
        self._notes.new("messages", extra)
        return {
            "usage_date": self._day,
            "api": "usage_report",
            **{name: line.text(name) for name in USAGE_GROUPS},
            **part.columns,
            **_tokens(line),
            "requests": None,
            "data_refreshed_at": None,
            "extra": exact_json(extra) if extra else None,
        }

    def costs(self) -> Iterator[Row | pa.RecordBatch]:
        reader = Reader(self._cost_columns, self._cost_row, self._notes, "cost")
        return reader.read(self._grouped(COST_REPORT, COST_GROUPS, self._cost_pages))

    def _cost_columns(self, rows: PlainRows) -> Mapping[str, object]:
        currency = rows.currency()
        return {
            "usage_date": self._day,
            "api": "cost_report",
            **{name: rows.text(name) for name in _TEXTS_OF_COST},
            "amount": rows.money("amount", currency, self._notes.cost, cents=True),
            "currency": currency,
            "raw": rows.texts_without(),
        }

    def _cost_row(self, line: Line) -> Row | None:
        self._notes.new("cost", line.unknown(_KNOWN_COST))
        texts = {name: line.text(name) for name in _TEXTS_OF_COST}
        price = _price(line, texts, self._notes)
        if price is None:
            return None
        return {
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
        for number, page in enumerate(self._pages.read(COST_REPORT, self._query(())), 1):
            yield from self._lines_of(COST_REPORT, number, page)

    def _grouped(
        self, path: str, groups: Sequence[str], shape: PageShape, filters: Sequence[Pair] = ()
    ) -> Iterator[ReadPage[Line]]:
        read = partial(self._with_rows, path, shape, filters)
        return by_what_is_accepted(read, groups, _report(path), self._notes)

    def _with_rows(
        self, path: str, shape: PageShape, filters: Sequence[Pair], groups: Sequence[str]
    ) -> Iterator[ReadPage[Line]]:
        query = [*self._query(groups), *filters]
        pages = self._pages.decoded(path, query, shape.read, _betas(name for name, _ in filters))
        return with_rows(pages, partial(self._lines_of, path))

    def _lines_of(self, path: str, number: int, page: JsonObject) -> Iterator[Line]:
        answer = Line(page, f"Anthropic {path.rpartition('/')[2]}, page {number}", self._notes.odd)
        for bucket in answer.parts("data"):
            bucket.require_day("starting_at", self._day)
            yield from bucket.parts("results")

    def _query(self, groups: Sequence[str]) -> list[tuple[str, str]]:
        query = [*day_bounds(self._day), ("bucket_width", "1d"), ("limit", "1")]
        return [*query, *(("group_by[]", group) for group in groups)]


class _Analytics:
    """The analytics of the second generation: rows with a group, and when their data was refreshed."""

    def __init__(self, pages: NextPage, day: date, notes: Notes) -> None:
        self._pages = pages
        self._day = day
        self._notes = notes
        starts = dict(day_bounds(day))["starting_at"]
        usage = shape("AnalyticsUsage", **_TOKENS_SHAPE, total_tokens=COUNT, requests=COUNT)
        self._usage_pages = PageShape(_analytics_shape(starts, "usage", USAGE_GROUPS, usage))
        cost = shape("AnalyticsCost", {"amount": NUMBER, "currency": TEXT}, list_amount=NUMBER, requests=COUNT)
        self._cost_pages = PageShape(_analytics_shape(starts, "cost", ANALYTICS_COST_GROUPS, cost), keeps_text=True)

    def usage(self) -> Iterator[Row | pa.RecordBatch]:
        kinds = partial(self._kinds, ANALYTICS_USAGE, SPLIT_BY)
        return by_part(kinds, self._usage_of, _report(ANALYTICS_USAGE), self._notes)

    def _usage_of(self, part: Part) -> Iterator[Row | pa.RecordBatch]:
        columns, row = partial(self._usage_columns, part), partial(self._usage_row, part)
        reader = Reader(columns, row, self._notes, "analytics/usage")
        return reader.read(self._grouped(ANALYTICS_USAGE, USAGE_GROUPS, self._usage_pages, part.filters))

    def _kinds(self, path: str, groups: Sequence[str]) -> Iterator[PriceKind]:
        """Which geographies and speeds the day has; in costs, of which types."""

        def read(groups: Sequence[str]) -> "Iterator[_Refreshed]":
            pages = self._pages.read(path, self._query(groups), ANALYTICS_BETA)
            return (row for n, page in enumerate(pages, 1) for row in self._lines_of(path, n, page))

        what = f"{_report(path)} by {' and '.join(SPLIT_BY)}"
        for row, _ in by_what_is_accepted(read, groups, what, self._notes):
            group = row.part("group")
            yield PriceKind(group.text("inference_geo"), group.text("speed"), group.text("cost_type"))

    def _usage_columns(self, part: Part, rows: PlainRows) -> Mapping[str, object]:
        group, usage = rows.part("group"), rows.part("usage")
        return {
            "usage_date": self._day,
            "api": "analytics",
            **{name: group.text(name) for name in USAGE_GROUPS},
            **part.columns,
            **_token_columns(usage),
            "requests": usage.count("requests"),
            "data_refreshed_at": rows.refreshed_at,
        }

    def _usage_row(self, part: Part, found: "_Refreshed") -> Row:
        row, refreshed_at = found
        group, usage = row.part("group"), row.part("usage")
        extra = usage.unknown(_KNOWN_ANALYTICS_USAGE) | group.unknown(USAGE_GROUPS)
        self._notes.new("analytics/usage", extra)
        return {
            "usage_date": self._day,
            "api": "analytics",
            **{name: group.text(name) for name in USAGE_GROUPS},
            **part.columns,
            **_tokens(usage),
            "requests": usage.count("requests"),
            "data_refreshed_at": refreshed_at,
            "extra": exact_json(extra) if extra else None,
        }

    def costs(self) -> Iterator[Row | pa.RecordBatch]:
        kinds = partial(self._kinds, ANALYTICS_COST, (*SPLIT_BY, "cost_type"))
        return by_part(kinds, self._costs_of, _report(ANALYTICS_COST), self._notes)

    def _costs_of(self, part: Part) -> Iterator[Row | pa.RecordBatch]:
        columns, row = partial(self._cost_columns, part), partial(self._cost_row, part)
        reader = Reader(columns, row, self._notes, "analytics/cost")
        return reader.read(self._grouped(ANALYTICS_COST, ANALYTICS_COST_GROUPS, self._cost_pages, part.filters))

    def _cost_columns(self, part: Part, rows: PlainRows) -> Mapping[str, object]:
        group, cost = rows.part("group"), rows.part("cost")
        currency = cost.currency()
        return {
            "usage_date": self._day,
            "api": "analytics",
            **{name: group.text(name) for name in ANALYTICS_COST_GROUPS},
            **part.columns,
            "amount": cost.money("amount", currency, self._notes.cost, cents=True),
            "currency": currency,
            "list_amount": cost.numeric("list_amount", cents=True),
            "requests": cost.count("requests"),
            "data_refreshed_at": rows.refreshed_at,
            "raw": rows.texts_without(),
        }

    def _cost_row(self, part: Part, found: "_Refreshed") -> Row | None:
        row, refreshed_at = found
        group, cost = row.part("group"), row.part("cost")
        new = cost.unknown(_KNOWN_ANALYTICS_COST) | group.unknown(ANALYTICS_COST_GROUPS)
        self._notes.new("analytics/cost", new)
        texts = {name: group.text(name) for name in ANALYTICS_COST_GROUPS}
        price, at_list = _price(cost, texts, self._notes), cost.known("list_amount")
        if price is None:
            return None
        return {
            "usage_date": self._day,
            "api": "analytics",
            "description": None,
            **texts,
            **part.columns,
            **price,
            "list_amount": None if at_list is None else numeric(from_cents(at_list)),
            "requests": cost.count("requests"),
            "data_refreshed_at": refreshed_at,
            "raw": row.as_json(),
        }

    def total(self) -> Iterator[Line]:
        for number, page in enumerate(self._pages.read(ANALYTICS_COST, self._query(()), ANALYTICS_BETA), 1):
            for row, _ in self._lines_of(ANALYTICS_COST, number, page):
                yield row.part("cost")

    def _grouped(
        self, path: str, groups: Sequence[str], shape: PageShape, filters: Sequence[Pair]
    ) -> "Iterator[ReadPage[_Refreshed]]":
        read = partial(self._with_rows, path, shape, filters)
        return by_what_is_accepted(read, groups, _report(path), self._notes)

    def _with_rows(
        self, path: str, shape: PageShape, filters: Sequence[Pair], groups: Sequence[str]
    ) -> "Iterator[ReadPage[_Refreshed]]":
        pages = self._pages.decoded(path, [*self._query(groups), *filters], shape.read, ANALYTICS_BETA)
        return with_rows(pages, partial(self._lines_of, path))

    def _lines_of(self, path: str, number: int, page: JsonObject) -> "Iterator[_Refreshed]":
        answer = Line(page, f"Anthropic {path.partition('organizations/')[2]}, page {number}", self._notes.odd)
        refreshed_at = answer.time("data_refreshed_at")
        for row in answer.parts("data"):
            row.require_day("starting_at", self._day)
            yield row, refreshed_at

    def _query(self, groups: Sequence[str]) -> list[tuple[str, str]]:
        query = [*day_bounds(self._day), ("time_bucket_width", "1d"), ("limit", ROWS)]
        return [*query, *(("group_by[]", group) for group in groups)]


_Refreshed = tuple[Line, datetime | None]
"""A row of the analytics, and when Anthropic last refreshed the data of its page."""


def _betas(names: Iterable[str]) -> Mapping[str, str] | None:
    """The header that makes `speed` a dimension of the reports, where a question names it."""
    return SPEED_BETA if any(name.startswith("speed") for name in names) else None


def _report(path: str) -> str:
    return f"Anthropic's report {path.partition('organizations/')[2]}"


def _price(line: Line, dimensions: Mapping[str, str | None], notes: Notes) -> Row | None:
    """Amount and currency of a line; `None`, and noted, where Anthropic gives no amount."""
    try:
        amount, currency = _dollars(line, "amount"), line.currency()
    except Stop as err:
        notes.without_amount(err.message, dimensions)
        return None
    notes.cost(currency, amount)
    return {"amount": numeric(amount), "currency": currency}


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


def _token_columns(rows: PlainRows) -> dict[str, object]:
    written = rows.part("cache_creation")
    kinds = {
        "uncached_input_tokens": rows.whole("uncached_input_tokens"),
        "cache_read_input_tokens": rows.whole("cache_read_input_tokens"),
        "cache_creation_5m_input_tokens": written.whole("ephemeral_5m_input_tokens"),
        "cache_creation_1h_input_tokens": written.whole("ephemeral_1h_input_tokens"),
    }
    return {
        "input_tokens": reduce(pc.add, kinds.values()),
        "output_tokens": rows.whole("output_tokens"),
        **kinds,
        "web_search_requests": rows.part("server_tool_use").whole("web_search_requests"),
    }


def _dollars(line: Line, name: str) -> Decimal:
    """Cents in the currency's main unit, nothing rounded. All amounts of this API are in the lowest unit."""
    return from_cents(line.money(name))
