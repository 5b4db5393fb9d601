"""Anthropic's report of Claude Code: records of activity, with estimated costs that are never billed ones."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from cloudact.errors import RunError
from cloudact.json_types import JsonObject
from providers.anthropic.api import CLAUDE_CODE, day_bounds
from providers.columnar import PlainRows, Reader, is_plain_name, rounded, verbatim, with_rows
from providers.exact_json import exact_json
from providers.http import Refused
from providers.lines import Line, exact_sum, from_cents, numeric
from providers.notes import Notes
from providers.pages import NextPage
from providers.plain import COUNT, JSON, NUMBER, PERSONAL, TEXT, NotPlain, PageShape, VerbatimRows, shape
from providers.source import NotOffered, Row

RECORDS = "1000"  # the largest page
TOKENS = ("input", "output", "cache_read", "cache_creation")
_METRICS = {
    "num_sessions": "num_sessions",
    "commits": "commits_by_claude_code",
    "pull_requests": "pull_requests_by_claude_code",
}
_KINDS = ("customer_type", "subscription_type", "terminal_type")
_KNOWN = frozenset(
    {
        "date",
        "actor.type",
        "actor.api_key_name",
        "organization_id",
        "customer_type",
        "subscription_type",
        "terminal_type",
        *(f"core_metrics.{name}" for name in _METRICS.values()),
        "core_metrics.lines_of_code.added",
        "core_metrics.lines_of_code.removed",
        "tool_actions",
        "model_breakdown",
    }
)


_LINES = shape("LinesOfCode", added=COUNT, removed=COUNT)
_RECORD: dict[str, Any] = dict(
    actor=shape("Actor", type=TEXT, api_key_name=TEXT, email_address=PERSONAL) | None,
    **dict.fromkeys(("organization_id", "customer_type", "subscription_type", "terminal_type"), TEXT),
    core_metrics=shape("CoreMetrics", **dict.fromkeys(_METRICS.values(), COUNT), lines_of_code=_LINES | None) | None,
    tool_actions=JSON,
    model_breakdown=JSON,
)
_USED = shape("ToolActions", accepted=COUNT, rejected=COUNT)
_TOOLS = VerbatimRows(dict[str, _USED])  # type: ignore[valid-type]
_COST = shape("EstimatedCost", {"currency": TEXT, "amount": NUMBER})
_MODEL = shape(
    "ModelUsage", {"estimated_cost": _COST}, model=TEXT, tokens=shape("Tokens", **dict.fromkeys(TOKENS, COUNT))
)
_MODELS = VerbatimRows(list[_MODEL])  # type: ignore[valid-type]


def claude_code(pages: NextPage, day: date, notes: Notes) -> Iterator[Row | pa.RecordBatch]:
    """Yields one row a record of activity. Raises `NotOffered` where the report is refused or cannot be read."""
    reader = Reader(partial(_columns, day), partial(_row, day, notes), notes, "claude_code")
    query = [("starting_at", day.isoformat()), ("limit", RECORDS)]
    records = shape("ClaudeCodeRecord", {"date": Literal[dict(day_bounds(day))["starting_at"]]}, **_RECORD)
    plain = PageShape(records, keeps_parts=True)
    found = pages.decoded(CLAUDE_CODE, query, plain.read, may_lack_rights=True)
    try:
        yield from reader.read(with_rows(found, partial(_records, day, notes)))
    except Refused as err:
        reason = (err.refusal.message or f"HTTP {err.refusal.status}").rstrip(".")
        raise NotOffered(f"Anthropic refuses the Claude Code report: {reason}.") from err
    except RunError as err:
        raise NotOffered(f"The Claude Code report could not be read: {err.message}") from err


def _records(day: date, notes: Notes, number: int, page: JsonObject) -> Iterator[Line]:
    for record in Line(page, f"Anthropic claude_code, page {number}", notes.odd).parts("data"):
        record.require_day("date", day)
        yield record


def _row(day: date, notes: Notes, record: Line) -> Row:
    extra = record.unknown(_KNOWN)
    notes.new("claude_code", extra)
    return {"usage_date": day, **_activity(record), "extra": exact_json(extra) if extra else None}


def _activity(record: Line) -> dict[str, object]:
    actor, metrics = record.part("actor"), record.part("core_metrics")
    lines = metrics.part("lines_of_code")
    return {
        "actor_type": actor.text("type") or "unknown",
        "api_key_name": actor.text("api_key_name"),
        **{name: record.text(name) for name in _KINDS},
        **{name: metrics.count(theirs) for name, theirs in _METRICS.items()},
        "lines_added": lines.count("added"),
        "lines_removed": lines.count("removed"),
        **_models(record.parts("model_breakdown") if record.raw.get("model_breakdown") is not None else []),
        "tool_actions": record.part("tool_actions").as_json(),
    }


def _models(models: list[Line]) -> dict[str, object]:
    """Tokens and estimated cost of a record, summed over its models, and the models as JSON."""
    costs = [model.part("estimated_cost") for model in models]
    currencies = {cost.currency() for cost in costs}
    if len(currencies) > 1:
        raise costs[0].unexpected("currency", "the same for all models")
    cents = [cost.money("amount") for cost in costs]
    return {
        **{f"{kind}_tokens": sum(model.part("tokens").count(kind) or 0 for model in models) for kind in TOKENS},
        "estimated_cost": numeric(from_cents(exact_sum(Decimal(), *cents))),
        "currency": next(iter(currencies), None),
        "model_breakdown": "[" + ",".join(model.as_json() for model in models) + "]",
    }


def _columns(day: date, records: PlainRows) -> Mapping[str, object]:
    actor, metrics = records.part("actor"), records.part("core_metrics")
    lines = metrics.part("lines_of_code")
    of_type = actor.text("type").fill_null("")
    return {
        "usage_date": day,
        "actor_type": pc.if_else(pc.equal(of_type, ""), "unknown", of_type),
        "api_key_name": actor.text("api_key_name"),
        **{name: records.text(name) for name in _KINDS},
        **{name: metrics.count(theirs) for name, theirs in _METRICS.items()},
        "lines_added": lines.count("added"),
        "lines_removed": lines.count("removed"),
        **_model_columns(records.json("model_breakdown", b"[]")),
        "tool_actions": _tool_column(records.json("tool_actions", b"{}")),
    }


def _tool_column(texts: Sequence[bytes]) -> pa.Array:
    """The tools as they were sent. Their names are fields' names, and judged as those are."""
    names = {name for tools in _TOOLS.decode(texts) for name in tools}
    if not all(is_plain_name(name) for name in names):
        raise NotPlain
    return verbatim(texts)


def _model_columns(texts: Sequence[bytes]) -> dict[str, object]:
    """What `_models` gives for one record, for all: sums over the models of each, which stand one after the other."""
    of_record = _MODELS.decode(texts)
    models = PlainRows([model for models in of_record for model in models])
    costs, tokens = models.part("estimated_cost"), models.part("tokens")
    cents, currencies = costs.exact("amount"), costs.currency()
    if cents.null_count or len(currencies.unique()) > 1:
        raise NotPlain
    measured = {f"{kind}_tokens": tokens.whole(kind) for kind in TOKENS}
    records = pa.array([number for number, models in enumerate(of_record) for _ in models], pa.int64())
    sums = _summed(records, {**measured, "cents": cents}, len(of_record))
    currency = currencies[0] if len(currencies) else None
    return {
        **{name: sums[name] for name in measured},
        "estimated_cost": rounded(sums["cents"], cents=True),
        "currency": pa.array([currency if models else None for models in of_record], pa.string()),
        "model_breakdown": verbatim(texts),
    }


def _summed(records: pa.Array, measures: Mapping[str, pa.Array], count: int) -> dict[str, pa.Array]:
    """The sums of measures by record, for records 0 to `count`; 0 for one without any."""
    grouped = pa.table({"record": records, **measures}).group_by("record", use_threads=False)
    sums = grouped.aggregate([(name, "sum") for name in measures]).combine_chunks()
    places = pc.index_in(pa.array(range(count), pa.int64()), value_set=sums["record"].combine_chunks())
    zeros = {name: pa.scalar(0).cast(array.type) for name, array in measures.items()}
    return {name: sums[f"{name}_sum"].combine_chunks().take(places).fill_null(zeros[name]) for name in measures}
