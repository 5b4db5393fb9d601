"""OpenAI's usage and costs of one UTC day as rows of our two tables.

Facts: each usage endpoint groups by dimensions of its own and refuses others; a bucket may go on over several pages;
amounts are dollars, as numbers or as strings, E-notation among them.
https://platform.openai.com/docs/api-reference/usage
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from itertools import chain

import pyarrow as pa

from cloudact.errors import Stop
from cloudact.json_types import JsonObject
from providers.columnar import PlainRows, Reader, ReadPage, with_rows
from providers.exact_json import exact_json
from providers.grouping import by_what_is_accepted
from providers.http import ProviderHttp, Refused
from providers.lines import Line, exact_sum, numeric
from providers.notes import Notes
from providers.openai.api import COSTS, OPENAI, USAGE, day_bounds
from providers.openai.line_items import not_understood
from providers.pages import NextPage
from providers.plain import COUNT, FLAG, NUMBER, PERSONAL, TEXT, PageShape, shape
from providers.source import Row, Table, TableRows

DIMENSIONS = (
    "project_id",
    "user_id",
    "api_key_id",
    "model",
    "service_tier",
    "api_source",
    "size",
    "source",
    "vector_store_id",
    "context_level",
)
MEASURES = (
    "input_tokens",
    "output_tokens",
    "input_uncached_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens",
    "input_text_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "input_cached_text_tokens",
    "input_cached_audio_tokens",
    "input_cached_image_tokens",
    "output_text_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "num_model_requests",
    "num_requests",
    "images",
    "characters",
    "seconds",
    "usage_bytes",
    "num_sessions",
)
_KNOWN = frozenset({"object", "batch", *DIMENSIONS, *MEASURES})
_COST_DIMENSIONS = ("project_id", "user_id", "api_key_id", "line_item", "api_source")
_KNOWN_COSTS = frozenset({"object", "amount.value", "amount.currency", *_COST_DIMENSIONS, "quantity", "quantity_unit"})

USAGE_TABLE = Table("openai_usage_daily_raw")
COST_TABLE = Table("openai_cost_daily_raw", money="amount", credits_below_zero=True)

_USAGE_SHAPE = shape(
    "OpenAiUsage",
    object=TEXT,
    batch=FLAG,
    **dict.fromkeys(DIMENSIONS, TEXT),
    **dict.fromkeys(MEASURES, COUNT),
)
_COST_SHAPE = shape(
    "OpenAiCost",
    {"amount": shape("OpenAiAmount", {"value": NUMBER, "currency": TEXT})},
    object=TEXT,
    **dict.fromkeys(_COST_DIMENSIONS, TEXT),
    quantity=NUMBER,
    quantity_unit=TEXT,
    user_email=PERSONAL,  # undocumented, and seen in all rows of some organizations
)

_BY_MODEL = ("project_id", "user_id", "api_key_id", "model")
# What each endpoint can group by; anything else is answered with 400.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "completions": (*_BY_MODEL, "batch", "service_tier", "api_source"),
    "decisions": (*_BY_MODEL, "batch", "service_tier", "api_source"),
    "embeddings": _BY_MODEL,
    "moderations": _BY_MODEL,
    "images": (*_BY_MODEL, "size", "source"),
    "audio_speeches": _BY_MODEL,
    "audio_transcriptions": _BY_MODEL,
    "vector_stores": ("project_id",),
    "code_interpreter_sessions": ("project_id",),
    "file_search_calls": ("project_id", "user_id", "api_key_id", "vector_store_id"),
    "web_search_calls": (*_BY_MODEL, "context_level", "api_source"),
}
# user_id is left out: whether it goes together with project_id "depends on the organization and requested time range".
COST_GROUPS = ("project_id", "line_item", "api_key_id", "api_source")
# OpenAI refuses costs by API key before this day.
COSTS_BY_KEY_FROM = date(2025, 12, 6)
NEW_REPORTS = frozenset({"decisions"})  # not offered everywhere


class OpenAiReports:
    """OpenAI's usage and costs of one UTC day."""

    def __init__(self, api: ProviderHttp, day: date, notes: Notes) -> None:
        self._pages = NextPage(api, OPENAI.name)
        self._day = day
        self._start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        self._notes = notes
        self._line_items, self._models = notes.texts["line_item"], notes.texts["model"]
        notes.at_last["line_item"] = lambda whole: not_understood(whole.texts["line_item"], whole.texts["model"])
        bucket = ("start_time", self._start)
        self._usage_pages = PageShape(_USAGE_SHAPE, bucket)
        self._cost_pages = PageShape(_COST_SHAPE, bucket, keeps_text=True)

    def rows(self, reports: Sequence[str]) -> Sequence[TableRows]:
        """The usage of all endpoints as one table, the costs as another; rows are read while they are iterated."""
        usage = [self._usage(endpoint) for endpoint in reports if endpoint != "costs"]
        tables: list[TableRows] = [(USAGE_TABLE, chain.from_iterable(usage))] if usage else []
        return [*tables, (COST_TABLE, self._costs())] if "costs" in reports else tables

    def total(self) -> Mapping[str, Decimal]:
        """The day's costs by currency, in its main unit, as OpenAI adds them up."""
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in self._lines(COSTS):
            amount = line.part("amount")
            sums[amount.currency()] = exact_sum(sums[amount.currency()], amount.money("value"))
        return sums

    def _usage(self, endpoint: str) -> Iterator[Row | pa.RecordBatch]:
        by_column, by_row = partial(self._usage_columns, endpoint), partial(self._usage_row, endpoint)
        reader = Reader(by_column, by_row, self._notes, endpoint)
        try:
            yield from reader.read(self._grouped(USAGE + endpoint, GROUPS[endpoint], self._usage_pages))
        except Refused as err:
            if err.refusal.status != 404 or endpoint not in NEW_REPORTS:
                raise
            self._notes.say(f"OpenAI does not offer the report {endpoint} to this organization.")

    def _usage_columns(self, endpoint: str, rows: PlainRows) -> Mapping[str, object]:
        texts = {name: rows.text(name) for name in DIMENSIONS}
        self._models.update(filter(None, texts["model"].unique().to_pylist()))
        return {
            "usage_date": self._day,
            "endpoint": endpoint,
            "batch": rows.flag("batch"),
            **texts,
            **{name: rows.count(name) for name in MEASURES},
        }

    def _usage_row(self, endpoint: str, line: Line) -> Row:
        extra = line.unknown(_KNOWN)
        self._notes.new(endpoint, extra)
        self._models.update(filter(None, [line.text("model")]))
        return {
            "usage_date": self._day,
            "endpoint": endpoint,
            "batch": line.flag("batch"),
            **{name: line.text(name) for name in DIMENSIONS if name in line.raw},
            **{name: line.count(name) for name in MEASURES if name in line.raw},
            "extra": exact_json(extra) if extra else None,
        }

    def _costs(self) -> Iterator[Row | pa.RecordBatch]:
        groups = [g for g in COST_GROUPS if g != "api_key_id" or self._day >= COSTS_BY_KEY_FROM]
        reader = Reader(self._cost_columns, self._cost_row, self._notes, "costs")
        return reader.read(self._grouped(COSTS, groups, self._cost_pages))

    def _cost_columns(self, rows: PlainRows) -> Mapping[str, object]:
        amount = rows.part("amount")
        currency = amount.currency()
        texts = {name: rows.text(name) for name in (*_COST_DIMENSIONS, "quantity_unit")}
        columns = {
            "usage_date": self._day,
            **texts,
            "amount": amount.money("value", currency, self._notes.cost),
            "currency": currency,
            "quantity": rows.numeric("quantity"),
            "raw": rows.texts_without("user_email"),
        }
        self._line_items.update(filter(None, texts["line_item"].unique().to_pylist()))  # no text is refused any more
        return columns

    def _cost_row(self, line: Line) -> Row | None:
        self._notes.new("costs", line.unknown(_KNOWN_COSTS))
        price = self._price(line)
        if price is None:
            return None
        self._notes.cost(price[1], price[0])
        quantity = line.known("quantity")
        self._line_items.update(filter(None, [line.text("line_item")]))
        return {
            "usage_date": self._day,
            **{name: line.text(name) for name in _COST_DIMENSIONS},
            "amount": numeric(price[0]),
            "currency": price[1],
            "quantity": None if quantity is None else numeric(quantity),
            "quantity_unit": line.text("quantity_unit"),
            "raw": line.as_json(),
        }

    def _price(self, line: Line) -> tuple[Decimal, str] | None:
        try:
            amount = line.part("amount")
            return amount.money("value"), amount.currency()
        except Stop as err:
            self._notes.without_amount(err.message, {name: line.text(name) for name in _COST_DIMENSIONS})
            return None

    def _grouped(self, path: str, groups: Sequence[str], shape: PageShape) -> Iterator[ReadPage[Line]]:
        what = f"OpenAI's report {path.rpartition('/')[2]}"
        return by_what_is_accepted(lambda by: self._with_rows(path, by, shape), groups, what, self._notes)

    def _with_rows(self, path: str, groups: Sequence[str], shape: PageShape) -> Iterator[ReadPage[Line]]:
        pages = self._pages.decoded(path, self._query(groups), shape.read)
        return with_rows(pages, partial(self._lines_of, path))

    def _lines(self, path: str) -> Iterator[Line]:
        """The lines of a report that is not grouped."""
        for number, page in enumerate(self._pages.read(path, self._query(())), 1):
            yield from self._lines_of(path, number, page)

    def _lines_of(self, path: str, number: int, page: JsonObject) -> Iterator[Line]:
        answer = Line(page, f"OpenAI {path.rpartition('/')[2]}, page {number}", self._notes.odd)
        for bucket in answer.parts("data"):
            if bucket.count("start_time") != self._start:
                raise bucket.unexpected("start_time", "the day that was asked for")
            yield from bucket.parts("results")

    def _query(self, groups: Sequence[str]) -> list[tuple[str, str]]:
        query = [*day_bounds(self._day), ("bucket_width", "1d"), ("limit", "1")]
        return [*query, *(("group_by", group) for group in groups)]
