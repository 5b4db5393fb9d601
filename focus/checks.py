"""The model's check functions as GoogleSQL: for each the rows that break it, and the rows for which it holds.

Values become query parameters; only names of columns are text, and these are compared with the view's own. What groups
rows or reads into a JSON document is elsewhere (`focus/counts.py`, `focus/documents.py`).
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cloudact.errors import ConfigError
from focus.model import Check, pins

CURRENCIES = Path(__file__).resolve().parent / "currencies.txt"
COLUMN_ARGUMENTS = ("ColumnName", "ColumnAName", "ColumnBName", "ResultColumnName")
COMPARATORS = ("=", "!=", "<>", ">", ">=", "<", "<=")
DECIMALS = ("NUMERIC", "BIGNUMERIC", "FLOAT64")
TIMES = ("TIMESTAMP", "DATETIME", "DATE")
ASCII = r"^[\x00-\x7F]*$"
NUMBER = r"^[+-]?([0-9]*[.])?[0-9]+([eE][+-]?[0-9]+)?$"
CURRENCY = "^[A-Z]{3}$"
TIME_TYPE = "^[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$"
TIME_FORMAT = "^[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z?$"
_TIME_UNIT = "Year|Month|Day|Hour|Minute|Second"
_TIME_UNITS = "Years|Months|Days|Hours|Minutes|Seconds"
_COUNTED = r"[A-Za-z][A-Za-z0-9]*(?:\s+[A-Za-z][A-Za-z0-9]*)*"  # data sizes are such words too
UNIT = "|".join(
    (
        f"^(?:{_COUNTED})$",
        f"^(?:{_COUNTED})-(?:{_TIME_UNITS})$",
        f"^(?:{_COUNTED})/(?:{_TIME_UNIT})$",
        f"^[0-9]+ (?:{_COUNTED})$",
        f"^(?:{_COUNTED})/[0-9]+ (?:{_TIME_UNITS})$",
    )
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}", re.ASCII)


@dataclass
class Parameters:
    """Values of a query, each once, as the parameters `@p0`, `@p1` and so on."""

    values: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    _names: dict[str | tuple[str, ...], str] = field(default_factory=dict)

    def name(self, value: str | tuple[str, ...]) -> str:
        """Text that stands for the value in the query."""
        if value not in self._names:
            self._names[value] = f"p{len(self._names)}"
            self.values[self._names[value]] = value
        return f"@{self._names[value]}"

    @property
    def types(self) -> dict[str, str]:
        """GoogleSQL type of each parameter."""
        return {name: "STRING" if isinstance(value, str) else "ARRAY<STRING>" for name, value in self.values.items()}


@dataclass(frozen=True)
class Scope:
    """Columns that may be read, by name with their GoogleSQL types, and the parameters of the query being written.

    `as_written` reads a condition as its sentence has it: what is NULL is not "Correction". The official validator
    takes such a row for one that the rule says nothing about.
    """

    types: Mapping[str, str]
    parameters: Parameters
    as_written: bool = False

    def column(self, check: Check, argument: str = "ColumnName") -> str:
        """Column that an argument names, quoted."""
        return quoted(str(check.arguments[argument]))

    def text(self, check: Check, argument: str = "ColumnName") -> str:
        """Column that an argument names, as text."""
        column = self.column(check, argument)
        return column if self.type(check, argument) == "STRING" else f"CAST({column} AS STRING)"

    def type(self, check: Check, argument: str = "ColumnName") -> str:
        """Type of the column that an argument names."""
        return self.types[str(check.arguments[argument])]


Predicate = Callable[[Check, Scope], str]


def quoted(column: str) -> str:
    """Name of a column in backticks. Raises `ConfigError` for what is none."""
    if not _NAME.fullmatch(column):
        raise ConfigError(f"{column!r} is no name of a column.")
    return f"`{column}`"


def columns_of(checks: Iterable[Check | None]) -> set[str]:
    """Columns that the checks read."""
    every = [each for check in checks if check for each in check.each()]
    return {str(each.arguments[name]) for each in every for name in COLUMN_ARGUMENTS if name in each.arguments}


def broken(check: Check, scope: Scope) -> str:
    """Predicate that is true for a row which breaks the check; false or NULL for every other.

    Raises `KeyError` for a function that is not one of a single row.
    """
    return BROKEN[check.function](check, scope)


def holds(check: Check, scope: Scope) -> str:
    """Predicate that is true for a row for which the check, used as a condition, holds.

    Raises `KeyError` as `broken` does.
    """
    if check.function in _HOLDS:
        return _HOLDS[check.function](check, scope)
    told = [f"{quoted(name)} IS NOT NULL" for name in sorted(columns_of([check]))]
    return " AND ".join([*told, f"NOT ({broken(check, scope)})"])


@cache
def currencies(path: Path = CURRENCIES) -> tuple[str, ...]:
    """Currencies that the official validator knows. Raises `ConfigError` for any file but the pinned one."""
    content, pinned = path.read_bytes(), pins()["currencies"]["sha256"]
    if (found := hashlib.sha256(content).hexdigest()) != pinned:
        raise ConfigError(f"{path.name} has SHA-256 {found}; pins.yml says {pinned}.")
    return tuple(content.decode().split())


def _not_matching(pattern: str) -> Predicate:
    return lambda check, scope: f"NOT REGEXP_CONTAINS(TRIM({scope.text(check)}), {scope.parameters.name(pattern)})"


def _not_matching_whole(pattern: str) -> Predicate:
    return lambda check, scope: f"NOT REGEXP_CONTAINS({scope.text(check)}, {scope.parameters.name(pattern)})"


def _of_another_type(types: tuple[str, ...]) -> Predicate:
    def predicate(check: Check, scope: Scope) -> str:
        return "FALSE" if scope.type(check) in types else f"{scope.column(check)} IS NOT NULL"

    return predicate


def _no_json(check: Check, scope: Scope) -> str:
    if scope.type(check) == "JSON":
        return "FALSE"
    text = scope.text(check)
    return f"{text} IS NOT NULL AND SAFE.PARSE_JSON({text}, wide_number_mode => 'round') IS NULL"


def _no_time_type(check: Check, scope: Scope) -> str:
    return "FALSE" if scope.type(check) in TIMES else _not_matching_whole(TIME_TYPE)(check, scope)


def _no_time(check: Check, scope: Scope) -> str:
    if scope.type(check) in TIMES:
        return "FALSE"
    text, form = scope.text(check), _not_matching_whole(TIME_FORMAT)(check, scope)
    return f"{text} IS NOT NULL AND ({form} OR SAFE_CAST({text} AS TIMESTAMP) IS NULL)"


def _no_currency(check: Check, scope: Scope) -> str:
    return f"TRIM({scope.text(check)}) NOT IN UNNEST({scope.parameters.name(currencies())})"


def _other_value(check: Check, scope: Scope) -> str:
    if check.arguments["Value"] is None:
        return f"{scope.column(check)} IS NOT NULL"
    return f"{scope.text(check)} != {_value(check, scope)}"


def _that_value(check: Check, scope: Scope) -> str:
    if check.arguments["Value"] is None:
        return f"{scope.column(check)} IS NULL"
    return f"{scope.text(check)} = {_value(check, scope)}"


def _not_that_value(check: Check, scope: Scope) -> str:
    other = _other_value(check, scope)
    return f"IFNULL({other}, TRUE)" if scope.as_written and check.arguments["Value"] is not None else other


def _value(check: Check, scope: Scope) -> str:
    return scope.parameters.name(str(check.arguments["Value"]))


def _no_match(check: Check, scope: Scope) -> str:
    return f"NOT REGEXP_CONTAINS({scope.text(check)}, {scope.parameters.name(str(check.arguments['Pattern']))})"


def _other_ending(check: Check, scope: Scope) -> str:
    return f"NOT ENDS_WITH({scope.text(check)}, {_value(check, scope)})"


def _beyond(comparator: str) -> Predicate:
    def predicate(check: Check, scope: Scope) -> str:
        bound = check.arguments["Value"]
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise ConfigError(f"{check.function} needs a number, not {bound!r}.")
        return f"{scope.column(check)} {comparator} {bound}"

    return predicate


def _two_values(check: Check, scope: Scope) -> str:
    return f"{_pair(check, scope, '<>')}"


def _comparison(check: Check, scope: Scope) -> str:
    comparator = str(check.arguments["Comparator"])
    if comparator not in COMPARATORS:
        raise ConfigError(f"{comparator!r} compares no columns.")
    return f"NOT ({_pair(check, scope, comparator)})"


def _pair(check: Check, scope: Scope, comparator: str) -> str:
    same = scope.type(check, "ColumnAName") == scope.type(check, "ColumnBName")
    written = scope.column if same else scope.text
    return f"{written(check, 'ColumnAName')} {comparator} {written(check, 'ColumnBName')}"


def _another_product(check: Check, scope: Scope) -> str:
    """Rows whose product at NUMERIC's nine decimals is not the result; if not as written, by more than a tolerance.

    That is the validator's own, which computes with binary numbers: 1e-9, and that part of a result above 1.
    """
    first, second = scope.column(check, "ColumnAName"), scope.column(check, "ColumnBName")
    product, result = f"CAST({first} * {second} AS NUMERIC)", scope.column(check, "ResultColumnName")
    if scope.as_written:
        return f"{product} != {result}"
    # NUMERIC would round the tolerance
    return f"CAST(ABS({product} - {result}) AS FLOAT64) > 1e-9 * CAST(GREATEST(ABS({result}), 1) AS FLOAT64)"


def _any_broken(check: Check, scope: Scope) -> str:
    return _joined(" OR ", (broken(item, scope) for item in check.items))


def _all_broken(check: Check, scope: Scope) -> str:
    """Rows that meet none of the alternatives; those that are values of one column are one list."""
    names = {str(item.arguments.get("ColumnName")) for item in check.items}
    values = [item.arguments.get("Value") for item in check.items]
    if {item.function for item in check.items} == {"CheckValue"} and len(names) == 1 and None not in values:
        texts = tuple(str(value) for value in values)
        return f"{scope.text(check.items[0])} NOT IN UNNEST({scope.parameters.name(texts)})"
    return _joined(" AND ", (broken(item, scope) for item in check.items))


def _all_hold(check: Check, scope: Scope) -> str:
    return _joined(" AND ", (holds(item, scope) for item in check.items))


def _any_holds(check: Check, scope: Scope) -> str:
    return _joined(" OR ", (holds(item, scope) for item in check.items))


def _joined(word: str, predicates: Iterable[str]) -> str:
    return word.join(f"({predicate})" for predicate in predicates)


BROKEN: Mapping[str, Predicate] = {
    "AND": _any_broken,
    "OR": _all_broken,
    "CheckColumnComparison": _comparison,
    "CheckGreaterOrEqualThanValue": _beyond("<"),
    "CheckGreaterThanValue": _beyond("<="),
    "CheckLessOrEqualThanValue": _beyond(">"),
    "CheckNationalCurrency": _no_currency,
    "CheckNotValue": _that_value,
    "CheckRegexMatch": _no_match,
    "CheckSameValue": _two_values,
    "CheckStringEndsWith": _other_ending,
    "CheckValue": _other_value,
    "ColumnByColumnEqualsColumnValue": _another_product,
    "FormatCurrency": _not_matching(CURRENCY),
    "FormatDateTime": _no_time,
    "FormatJSON": _no_json,
    "FormatKeyValue": _no_json,
    "FormatNumeric": _not_matching(NUMBER),
    "FormatString": _not_matching_whole(ASCII),
    "FormatUnit": _not_matching_whole(UNIT),
    "TypeDateTime": _no_time_type,
    "TypeDecimal": _of_another_type(DECIMALS),
    "TypeJSON": _no_json,
    "TypeString": _of_another_type(("STRING",)),
}
_HOLDS: Mapping[str, Predicate] = {
    "AND": _all_hold,
    "OR": _any_holds,
    "CheckNotValue": _not_that_value,
    "CheckValue": _that_value,
}
