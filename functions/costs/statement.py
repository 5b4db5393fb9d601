"""The SQL of a question: lines of the files in `sql/costs/`, chosen by its words, and values as parameters."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Final

from cloudact.costs.dimensions import Dimension
from cloudact.costs.label_sql import allocations_of, path_of, rules_of
from cloudact.costs.labels import Label
from cloudact.settings import ROOT
from cloudact.warehouse.queries import Query, Value
from functions.costs.question import Compared, Days, Filter, Metric, Question, Rows

FOLDER: Final = ROOT / "sql" / "costs"
MOST_ROWS: Final = 60_000  # of an answer: three times the cells, for several currencies or units
_PLACE_OF_FILTERS: Final = "    -- the filters\n"
_PLACE_OF_LABELS: Final = "    -- the labels\n"
_PLACE_OF_RULES: Final = "    -- the rules\n"
_PLACE_OF_GROUPS: Final = "  -- the groups\n"
_PLACE_OF_CELLS: Final = "  -- the cells\n"
_PLACE_OF_SPENDING: Final = "  -- the spending\n"
NO_VALUES: Final[Mapping[str, Value]] = {}
NO_PLACES: Final[Mapping[str, str]] = {}
_MARKED = re.compile(r"^(?P<line>.*) -- with (?P<word>\w+)\n", re.MULTILINE)
_DECLARED = re.compile(r"^-- @(\w+) (\w+):", re.MULTILINE)


def statement_of_groups(question: Question) -> tuple[Query, dict[str, Value]]:
    """Query that answers the question, and the values of its parameters."""
    is_quantity = question.metric is Metric.CONSUMED
    words = {question.granularity.value, question.basis.value, question.metric.value}
    words |= (set() if is_quantity else {"money"}) | ({"tokens"} if question.with_tokens else set())
    columns = columns_of(question)
    words |= {f"by_{column}" for column in columns}
    paths = _paths(zip(columns, question.group_by, strict=True))
    filters, values = _filters(question.filters, question.labels)
    of_labels, rules = rules_of(question.labels)
    days = {
        "first_day": question.read.first,
        "last_day": question.read.last,
        "counted_from": question.counted.first,
        "start": question.days.first,
        "end": question.days.last,
    }
    if question.compared is Compared.MONTH and question.previous:
        words.add(Compared.MONTH.value)
        days["previous_end"] = question.previous.last
    limits = {"group_limit": question.limit, "row_limit": MOST_ROWS + 1}
    own = {**paths, **values, **rules}
    places = {_PLACE_OF_LABELS: of_labels}
    return query("groups", words | filters | _words_of(question), own, places), {**days, **limits, **own}


def statement_at_once(
    question: Question, cells: tuple[Query, dict[str, Value]], spending: tuple[Query, dict[str, Value]] | None
) -> tuple[Query, dict[str, Value]]:
    """Query whose rows are an `answer`'s, as of `statement_of_groups`, a `cell`'s or what was `spent`.

    `cells` and `spending` are queries with the values of their parameters; so is what is returned.
    """
    parts = [statement_of_groups(question), _renamed(*cells, "cells_")]
    parts += [_renamed(*spending, "spent_")] if spending else []
    places = dict(
        zip((_PLACE_OF_GROUPS, _PLACE_OF_CELLS, _PLACE_OF_SPENDING), (each.sql for each, _ in parts), strict=False)
    )
    together = query("at_once" if spending else "groups_and_cells", (), NO_VALUES, places)
    types = {name: kind for each, _ in parts for name, kind in each.types.items()}
    return replace(together, types=types), {name: value for _, values in parts for name, value in values.items()}


def _renamed(of: Query, values: Mapping[str, Value], before: str) -> tuple[Query, dict[str, Value]]:
    """Query whose parameters have names of their own, so that it may stand beside others."""
    sql = re.sub(rf"@({'|'.join(of.types)})\b", rf"@{before}\1", of.sql)
    types = {f"{before}{name}": kind for name, kind in of.types.items()}
    return replace(of, sql=sql, types=types), {f"{before}{name}": value for name, value in values.items()}


def _words_of(question: Question) -> set[str]:
    count_of = len(question.labels)
    words = {f"label_{number}" for number in range(1, count_of + 1)}
    words |= {f"{word}_tokens" for word in words} if question.with_tokens else set()
    return words | ({"labels", f"of_{count_of}_labels"} if count_of else {"unlabelled"})


def statement_of_rows(rows: Rows) -> tuple[Query, dict[str, Value]]:
    """Query of rows, and the values of its parameters."""
    words, values = _filters(rows.filters)
    lines, label = "", rows.allocated_by
    if label is not None:
        lines, of_rules = rules_of([label])
        values |= {**of_rules, "label_parts": allocations_of(label, rows.labels_version)}
    words.add("unallocated" if label is None else "allocated")
    days: dict[str, Value] = {"first_day": rows.days.first, "last_day": rows.days.last}
    return query("rows", words, values, {_PLACE_OF_LABELS: lines}), {**days, **values}


def statement_of_trial(days: Days, tried: Sequence[Label | None]) -> tuple[Query, dict[str, Value]]:
    """Query of what each of the labels says of the days' charges, and the values of its parameters."""
    lines, values = rules_of(tried)
    names = ", ".join(f"charge.label_{number}_rule" for number in range(1, len(tried) + 1))
    places = {_PLACE_OF_LABELS: lines, _PLACE_OF_RULES: f"  {names}\n"}
    limits: dict[str, Value] = {"first_day": days.first, "last_day": days.last, "row_limit": MOST_ROWS + 1}
    return query("label_trial", (), values, places), limits | values


def columns_of(question: Question) -> list[str]:
    """Names that the dimensions have in the query's keys: their words, `tag_1` for the first tag, `label_2`."""
    numbers = count(1)
    labels = [label.name for label in question.labels]
    return [f"tag_{next(numbers)}" if each.tag is not None else _column(each, labels) for each in question.group_by]


def _column(dimension: Dimension, labels: Sequence[str]) -> str:
    return dimension.word if dimension.label is None else f"label_{labels.index(dimension.label) + 1}"


def _paths(columns: Iterable[tuple[str, Dimension]]) -> dict[str, Value]:
    return {f"by_{column}_path": path_of(each.tag) for column, each in columns if each.tag is not None}


def _filters(filters: Iterable[Filter], labels: Sequence[Label] = ()) -> tuple[set[str], dict[str, Value]]:
    keys: list[str] = []
    names = [label.name for label in labels]
    values = dict[str, Value]()
    words = set()
    for each in filters:
        name = _column(each.dimension, names)
        if (key := each.dimension.tag) is not None:
            keys += [] if key in keys else [key]
            name = f"tag_{keys.index(key) + 1}"
            values[f"{name}_path"] = path_of(key)
        elif each.dimension.label is not None:
            name = f"only_{name}"
        name = f"not_{name}" if each.excluded else name
        words.add(name)
        values[name] = each.values
    return words, values


def query(
    name: str,
    words: Collection[str],
    values: Mapping[str, Value] = NO_VALUES,
    places: Mapping[str, str] = NO_PLACES,
) -> Query:
    """Query `sql/costs/<name>.sql` of these words alone. `values` are of parameters that its file does not declare.

    `places` are lines of ours for lines of the file that stand for them.
    """
    text = "".join(_kept(_lines(name), words))
    for place, lines in places.items():
        text = text.replace(place, lines)
    types = dict(_DECLARED.findall(text))
    types |= {each: "STRING" if isinstance(value, str) else "ARRAY<STRING>" for each, value in values.items()}
    return Query(f"costs_{name}", text, types)


def every_word(name: str) -> Mapping[str, int]:
    """Words of the file's lines, and how many lines have each."""
    found = [line["word"] for line in _MARKED.finditer(_lines(name))]
    return {word: found.count(word) for word in found}


def _kept(text: str, words: Collection[str]) -> Iterable[str]:
    for line in text.splitlines(keepends=True):
        mark = _MARKED.fullmatch(line)
        if mark is None:
            yield line
        elif mark["word"] in words:
            yield f"{mark['line']}\n"


@cache
def _lines(name: str) -> str:
    filters = (FOLDER / "filters.sql").read_text(encoding="utf-8")
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8").replace(_PLACE_OF_FILTERS, filters)
