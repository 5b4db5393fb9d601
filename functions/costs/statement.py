"""The SQL of a question: lines of the files in `sql/costs/`, chosen by its words, and values as parameters."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Final

from cloudact.settings import ROOT
from cloudact.warehouse.queries import Query, Value
from functions.costs.question import Days, Dimension, Filter, Metric, Question

FOLDER: Final = ROOT / "sql" / "costs"
MOST_ROWS: Final = 60_000  # of an answer: three times the cells, for several currencies or units
_PLACE_OF_FILTERS: Final = "    -- the filters\n"
_MARKED = re.compile(r"^(?P<line>.*) -- with (?P<word>\w+)\n", re.MULTILINE)
_DECLARED = re.compile(r"^-- @(\w+) (\w+):", re.MULTILINE)


def statement_of_groups(question: Question) -> tuple[Query, dict[str, Value]]:
    """Query that answers the question, and the values of its parameters."""
    is_quantity = question.metric is Metric.CONSUMED
    words = {question.granularity.value, question.basis.value, question.metric.value}
    words |= (set() if is_quantity else {"money"}) | ({"tokens"} if question.with_tokens else set())
    grouping, paths = _grouping(question.group_by)
    filters, values = _filters(question.filters)
    days = {
        "first_day": question.read.first,
        "last_day": question.read.last,
        "counted_from": question.counted.first,
        "start": question.days.first,
        "end": question.days.last,
    }
    limits = {"group_limit": question.limit, "row_limit": MOST_ROWS + 1}
    return query("groups", words | grouping | filters, [*paths, *values]), {**days, **limits, **paths, **values}


def statement_of_rows(days: Days, filters: Iterable[Filter]) -> tuple[Query, dict[str, Value]]:
    """Query of the rows of these days that fit, and the values of its parameters."""
    words, values = _filters(filters)
    return query("rows", words, values), {"first_day": days.first, "last_day": days.last, **values}


def columns_of(group_by: Iterable[Dimension]) -> list[str]:
    """Names that the dimensions have in the query's keys: their words, and `tag_1` for the first tag."""
    numbers = count(1)
    return [each.word if each.tag is None else f"tag_{next(numbers)}" for each in group_by]


def _grouping(group_by: Sequence[Dimension]) -> tuple[set[str], dict[str, Value]]:
    named = [(f"by_{column}", each.tag) for column, each in zip(columns_of(group_by), group_by, strict=True)]
    return {word for word, _ in named}, {f"{word}_path": _path(tag) for word, tag in named if tag is not None}


def _filters(filters: Iterable[Filter]) -> tuple[set[str], dict[str, Value]]:
    keys: list[str] = []
    values = dict[str, Value]()
    words = set()
    for each in filters:
        name = each.dimension.word
        if (key := each.dimension.tag) is not None:
            keys += [] if key in keys else [key]
            name = f"tag_{keys.index(key) + 1}"
            values[f"{name}_path"] = _path(key)
        name = f"not_{name}" if each.excluded else name
        words.add(name)
        values[name] = each.values
    return words, values


def _path(key: str) -> str:
    """JSONPath of a tag in the object of tags; a key with a double quote is no tag's."""
    return f'$."{key}"'


def query(name: str, words: Collection[str], parameters: Iterable[str] = ()) -> Query:
    """Query `sql/costs/<name>.sql` of these words alone. `parameters` are those that its file does not declare."""
    text = "".join(_kept(_lines(name), words))
    types = dict(_DECLARED.findall(text))
    types |= {each: "STRING" if each.endswith("_path") else "ARRAY<STRING>" for each in parameters}
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
