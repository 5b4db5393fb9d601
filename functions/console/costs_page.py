"""The page *Costs*: a question of the API as a form, and its answer as charts, tables and a file."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from flask import Response, request

from cloudact.costs.dimensions import DIMENSIONS, LABEL
from cloudact.errors import Retry
from functions.console.collaborators import Console
from functions.console.cost_address import ADDED_VALUE, BY_TAG, KEYED, CostAddress, Pair, filter_words, word_of
from functions.console.cost_report import report_of
from functions.console.cost_words import days_words
from functions.console.hiding import Hiding
from functions.console.pages import go, page
from functions.console.sessions import Visit, visit
from functions.costs.answer import CostAnswer, Group, Kind
from functions.costs.endpoints import csv_export, question_of, refusing
from functions.costs.inputs import CostsQuery
from functions.costs.question import (
    DAY,
    MOST_GROUPED,
    MOST_GROUPS,
    Basis,
    Days,
    Filter,
    Granularity,
    Metric,
    Question,
    next_month,
)
from functions.web.inputs import in_query
from functions.web.problems import Problem

METRICS = {
    Metric.BILLED: "Billed",
    Metric.EFFECTIVE: "Effective",
    Metric.LIST: "List price",
    Metric.CONTRACTED: "Contracted",
    Metric.CONSUMED: "Quantity consumed",
}
BASES = {Basis.USAGE: "day of use", Basis.INVOICE_MONTH: "invoice's month"}
PERIODS = {Granularity.DAY: "Day", Granularity.WEEK: "Week", Granularity.MONTH: "Month"}
OF_FORM = {"start", "end", "granularity", "basis", "metric", "group_by", "limit", "compare"}


@dataclass(frozen=True)
class Preset:
    """Range of days to choose with one click."""

    words: str
    query: str
    chosen: bool


@dataclass(frozen=True)
class Refusal:
    """Question that cannot be answered: the API's sentence, and the field of the form that is wrong, if one is."""

    detail: str
    field: str


def show_costs(console: Console, org: str) -> Response:
    """200 with the costs; 400 with the form and what is wrong in it; 303 to the address that a form's fields make."""
    visited, today = visit(console, org), console.clock().date()
    address = CostAddress.read(request.args)
    if not address.is_of(request.args):
        return go(f"{request.path}{address.query}")
    try:
        question = question_of(console.costs, org, in_query(address.args, CostsQuery))
        with refusing():
            answer = console.costs.answers.ask(org, question).answer
    except Problem as problem:
        return _refused(console, visited, address, problem, today)
    return _page(
        console,
        visited,
        address,
        Days(question.days.first, question.days.last),
        today,
        report=report_of(answer, address, _providers(console)),
        hiding=[] if answer.sums else _hiding(console, org, question, address),
        refusal=None,
        question=question,
    )


def show_csv(console: Console, org: str) -> Response:
    """200 with the file that the API's export sends for the same question."""
    visit(console, org)
    question = question_of(console.costs, org, in_query(request.args, CostsQuery))
    response = csv_export(console.costs, org, question)
    response.headers["Vary"] = "Cookie"
    return response


def _refused(console: Console, visited: Visit, address: CostAddress, problem: Problem, today: dt.date) -> Response:
    field = (problem.field or "").removeprefix("not_")
    shown = problem.field if problem.field in OF_FORM else "filters" if field in (*DIMENSIONS, *KEYED) else ""
    response = _page(
        console,
        visited,
        address,
        None,
        today,
        status=problem.status,
        report=None,
        hiding=[],
        refusal=Refusal(problem.detail, shown or ""),
        question=None,
    )
    if "Retry-After" in problem.headers:
        response.headers["Retry-After"] = problem.headers["Retry-After"]
    return response


def _page(
    console: Console,
    visited: Visit,
    address: CostAddress,
    days: Days | None,
    today: dt.date,
    *,
    question: Question | None,
    status: int = 200,
    **shown: object,
) -> Response:
    return page(
        console,
        visited,
        "costs.html",
        status=status,
        address=address,
        chips=address.chips(),
        presets=_presets(address, question, today),
        days=days_words(days) if days else "",
        chosen=days,
        grouped=_grouped(address),
        dimensions=[(word, word_of(word).capitalize()) for word in (*DIMENSIONS, *_labels(console, visited.org))],
        periods=[(each.value, words) for each, words in PERIODS.items()],
        metrics=[(each.value, words) for each, words in METRICS.items()],
        bases=[(each.value, words) for each, words in BASES.items()],
        most_groups=MOST_GROUPS,
        by_tag=BY_TAG,
        added_value=ADDED_VALUE,
        export=f"{request.path}/export{address.query}",
        **shown,
    )


def _providers(console: Console) -> dict[str, str]:
    return {each.id: each.name for each in console.integrations.providers}


def _labels(console: Console, org: str) -> list[str]:
    """Dimensions that are the org's labels; none while they cannot be read, which takes nothing else along."""
    try:
        return [f"{LABEL}{each.name}" for each in console.costs.labels.current(org).labels]
    except Retry:
        return []


def _grouped(address: CostAddress) -> list[str]:
    """Dimensions that are grouped by, an empty one for each that may be added; at most two fields unless more are."""
    words = address.texts("group_by")
    return [*words, ""][: max(MOST_GROUPED, len(words))] if words else ["", ""]


def _presets(address: CostAddress, question: Question | None, today: dt.date) -> list[Preset]:
    """Ranges with the periods that suit them; whole months alone where costs count by invoices."""
    yesterday = today - DAY
    month, before = today.replace(day=1), (today.replace(day=1) - DAY).replace(day=1)
    year = dt.date(month.year - 1, month.month, 1)
    by_invoice = address.text("basis") == Basis.INVOICE_MONTH
    this_month = Days(month, next_month(month) - DAY if by_invoice else max(month, yesterday))
    ranges = [
        ("7 days", Days(today - 7 * DAY, yesterday), Granularity.DAY),
        ("30 days", Days(today - 30 * DAY, yesterday), Granularity.DAY),
        ("90 days", Days(today - 90 * DAY, yesterday), Granularity.DAY),
        ("This month", this_month, Granularity.DAY),
        ("Last month", Days(before, month - DAY), Granularity.DAY),
        ("12 months", Days(year, month - DAY), Granularity.MONTH),
    ]
    found = []
    for words, days, granularity in ranges[3 if by_invoice else 0 :]:
        unit = Granularity.MONTH if by_invoice else granularity
        asked = address.of_days(days).but(granularity=unit.value)
        chosen = question is not None and (question.days, question.granularity) == (days, unit)
        found.append(Preset(words, asked.query, chosen))
    return found


def _hiding(console: Console, org: str, question: Question, address: CostAddress) -> list[Hiding]:
    """Filters each of which alone hides all that the others let count. One more query, of the first filters alone."""
    filtered = list(dict.fromkeys(each.dimension for each in question.filters))[:MOST_GROUPED]
    if not filtered:
        return []
    asked = [each for each in question.filters if each.dimension in filtered]
    whole = question.granularity if question.basis is Basis.INVOICE_MONTH else Granularity.WHOLE
    changed = partial(replace, question, known_labels=question.labels)
    without = changed(
        filters=tuple(each for each in question.filters if each not in asked),
        group_by=tuple(filtered),
        granularity=whole,
        limit=min(MOST_GROUPS, 20_000 // len(changed(granularity=whole, limit=1).periods)),
        compared=None,
    )
    with refusing():
        answer = console.costs.answers.ask(org, without).answer
    return [
        Hiding(" and ".join(filter_words(pair) for pair in pairs), address.without(*pairs).query)
        for each in asked
        if _lets_through(answer, [other for other in asked if other is not each])
        for pairs in [_pairs(address, each)]
    ]


def _lets_through(answer: CostAnswer, filters: Sequence[Filter]) -> bool:
    """Whether any group passes all of the filters."""
    groups = [group for sums in answer.sums for group in sums.groups if group.kind is not Kind.OTHER]
    return any(all(_passes(group, each) for each in filters) for group in groups)


def _passes(group: Group, each: Filter) -> bool:
    return ((group.key[each.dimension.word] or "") in each.values) is not each.excluded


def _pairs(address: CostAddress, each: Filter) -> list[Pair]:
    """Parameters that the filter is made of."""
    kind, colon, key = each.dimension.word.partition(":")
    name, key = f"{'not_' if each.excluded else ''}{kind}", f"{key}=" if colon else ""
    return [pair for pair in address.filters if pair[0] == name and pair[1].startswith(key)]
