"""Checks that look into JSON documents: what each function takes and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudact.errors import ConfigError
from focus.checks import BROKEN
from focus.counts import COLUMN_PRESENT, GROUPED, IN_DOCUMENTS
from focus.documents import AT_A_PATH, Document, judged
from focus.model import REFERENCE, Check, Model

LIST = {"A": [{"b": 1, "u": "GB", "x_c": None}, {"b": 2, "u": "GB-Hours"}], "n": "5", "o": {"k": "v"}}
# A function, arguments with which LIST meets it, and arguments with which LIST breaks it.
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("JSONCheckPathType", {"Path": "$.A[*].b", "ExpectedType": "Decimal"},
     {"Path": "$.A[*].b", "ExpectedType": "string"}),
    ("JSONCheckPathType", {"Path": "$.n", "ExpectedType": "string"}, {"Path": "$.none", "ExpectedType": "string"}),
    ("JSONCheckPathKeyValueFormat", {"Path": "$.A[*]"}, {"Path": "$.A"}),
    ("JSONCheckPathKeyStartsWith", {"Path": "$.A[*]", "Prefix": "x_", "IgnoreKeys": ["b", "u"]},
     {"Path": "$.A[*]", "Prefix": "x_", "IgnoreKeys": ["b"]}),
    ("JSONCheckPathKeyExists", {"Path": "$.A[*].b"}, {"Path": "$.A[*].x_c"}),
    ("JSONCheckPathKeyExists", {"Path": "$.o.k"}, {"Path": "$.o.none"}),
    ("JSONCheckPathValue", {"Path": "$.n", "Value": "5"}, {"Path": "$.n", "Value": "6"}),
    ("JSONCheckPathValue", {"Path": "$.A[*].x_c", "Value": None}, {"Path": "$.A[*].b", "Value": 1}),
    ("JSONCheckPathNotValue", {"Path": "$.A[*].b", "Value": 3}, {"Path": "$.A[*].b", "Value": 2}),
    ("JSONCheckPathNotValue", {"Path": "$.A[*].b", "Value": None}, {"Path": "$.A[*].x_c", "Value": None}),
    ("JSONCheckPathNumericFormat", {"Path": "$.n"}, {"Path": "$.A[*].u"}),
    ("JSONFormatNumeric", {"Path": "$.A[*].b"}, {"Path": "$.o.k"}),
    ("JSONCheckPathUnitFormat", {"Path": "$.A[*].u"}, {"Path": "$.n"}),
    ("JSONFormatUnit", {"Path": "$.o.k"}, {"Path": "$.n"}),
    ("JSONFormatString", {"Path": "$.n"}, {"Path": "$.none_ascii"}),
    ("JSONCheckPathDistinctParent", {"ParentPath": "$.A[*]", "ChildPath": "b", "ExpectedCount": 2},
     {"ParentPath": "$.A[*]", "ChildPath": "u", "ExpectedCount": 1}),
]  # fmt: skip


def count(function: str, arguments: dict[str, Any], text: str, other: str | None = None) -> tuple[int, int]:
    """Violations and rows of a check of one document that three rows have."""
    found = judged(Check(function, arguments), {}, [Document(text, other, included=True, rows=3)])
    return found.violations, found.examined


@pytest.mark.parametrize(("function", "met", "broken"), CASES)
def test_elements_at_a_path(function: str, met: dict[str, Any], broken: dict[str, Any]) -> None:
    """Each function takes what is right at its path and counts the rows of what is not."""
    text = json.dumps(LIST | {"none_ascii": "ä"}, ensure_ascii=False)
    assert (count(function, met, text), count(function, broken, text)) == ((0, 3), (3, 3))


@pytest.mark.parametrize(
    ("paths", "other", "broken"),
    [
        ({"PathA": "$.n"}, "5", False),
        ({"PathA": "$.n"}, "6", True),
        ({"PathA": "$.n"}, None, False),
        ({"PathA": "$.A[*].b", "PathB": "$.A[*].b"}, json.dumps(LIST), False),
        ({"PathA": "$.A[*].b", "PathB": "$.A[*].u"}, json.dumps(LIST), True),
        ({"PathA": "$.A[*].b", "PathB": "$.n"}, json.dumps(LIST), True),
        ({"PathA": "$.n", "PathB": "$.n"}, "{", False),
    ],
)
def test_two_columns_are_compared(paths: dict[str, Any], other: str | None, broken: bool) -> None:
    """What stands at a path is compared with another column, or with what stands at a path of it."""
    assert count("JSONCheckPathSameValue", paths, json.dumps(LIST), other) == (3 if broken else 0, 3)


def test_what_is_no_json_breaks_another_rule() -> None:
    """A text that cannot be read breaks the column's format, and nothing that is asked at a path."""
    assert count("JSONCheckPathType", {"Path": "$.a", "ExpectedType": "string"}, "{") == (0, 3)


def test_a_schema_minds_the_conditions(model: Model) -> None:
    """Documents of rows that a rule is not about are not compared with its schema."""
    check = Check("CheckJSONSchema", {"SchemaId": "CAU-ContractAppliedObjectSchema-S-001-M", "Path": "$"})
    documents = [Document("{}", None, included, 2) for included in (True, False)]
    found = judged(check, model.schemas, documents)
    assert (found.violations, found.examined) == (2, 2)
    with pytest.raises(ConfigError, match="no schema"):
        judged(check, {}, documents)


def test_a_path_of_another_form_is_refused() -> None:
    """A path with anything but keys and positions is an error, not a rule that passes."""
    with pytest.raises(ConfigError, match="no path"):
        count("JSONCheckPathType", {"Path": "$..a", "ExpectedType": "string"}, "{}")


def test_every_check_function_is_known(model: Model) -> None:
    """Of the model's 42 functions each is read but `CheckDecimalValue`, which the validator skips too."""
    read = {*BROKEN, *AT_A_PATH, *GROUPED, *IN_DOCUMENTS, COLUMN_PRESENT, REFERENCE}
    assert len(model.functions) == 42
    assert set(model.functions) - read == {"CheckDecimalValue"}
    assert set(AT_A_PATH) | {"CheckJSONSchema"} == set(IN_DOCUMENTS)
