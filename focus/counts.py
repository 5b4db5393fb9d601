"""What must be counted to judge the rules of a model over `focus_costs`, as a few GoogleSQL statements.

One statement counts for many rules the rows that break each and the rows that each is about; a second kind groups rows
by a column's values. Every statement reads one span of days by `x_UsageDate`, the tables' partitioning column.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from cloudact.warehouse.queries import Query
from focus.checks import BROKEN, Parameters, Scope, broken, columns_of, holds
from focus.model import NO_CHECK, Check, Rule

COLUMN_PRESENT = "ColumnPresent"
IN_DOCUMENTS = (
    "CheckJSONSchema",
    "JSONCheckPathDistinctParent",
    "JSONCheckPathKeyExists",
    "JSONCheckPathKeyStartsWith",
    "JSONCheckPathKeyValueFormat",
    "JSONCheckPathNotValue",
    "JSONCheckPathNumericFormat",
    "JSONCheckPathSameValue",
    "JSONCheckPathType",
    "JSONCheckPathUnitFormat",
    "JSONCheckPathValue",
    "JSONFormatNumeric",
    "JSONFormatString",
    "JSONFormatUnit",
)
GROUPED = ("CheckDistinctCount", "CheckNoDuplicates")
RULES_A_STATEMENT = 60
VIEW = "focus_costs"
TOTAL = "total"  # the column of a statement that counts rules: all rows of the days
_DAYS = "x_UsageDate BETWEEN @first_day AND @last_day"
_DAY_TYPES = {"first_day": "DATE", "last_day": "DATE"}


@dataclass(frozen=True)
class Count:
    """Rows, or groups of rows, that break a rule, of those that it is about.

    `violations` and `examined` are as the official validator reads the rule, `as_written` the rows that break its
    sentence. `missing` are columns it needs and the view lacks: then nothing was counted.
    """

    violations: int = 0
    examined: int = 0
    as_written: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counted:
    """A statement and what its columns mean: rule → names of its columns (violations, examined, as written)."""

    query: Query
    values: Mapping[str, str | tuple[str, ...]]
    columns: Mapping[str, tuple[str, str, str]]


@dataclass(frozen=True)
class Plan:
    """All that is to be counted for rules over columns of these types."""

    rules: Mapping[str, Rule]
    types: Mapping[str, str]

    @cached_property
    def _above(self) -> Mapping[str, Sequence[str]]:
        return _dependents(self.rules)

    def to_count(self) -> dict[str, Rule]:
        """Rules whose rows are counted: checkable, demanding something, and not made of other rules."""
        return {rule_id: rule for rule_id, rule in self.rules.items() if _counts(rule) and _is_known(rule)}

    def unknown(self) -> set[str]:
        """Rules that use a check function in a way that is not understood here."""
        return {rule_id for rule_id, rule in self.rules.items() if _counts(rule) and not _is_known(rule)}

    def missing(self, rule: Rule) -> tuple[str, ...]:
        """Columns that the rule and its conditions read and the view lacks; of the rule that demands a column, none."""
        wanted = set() if rule.check.function == COLUMN_PRESENT else columns_of([rule.check, *self.conditions(rule)])
        return tuple(sorted(wanted - set(self.types)))

    def conditions(self, rule: Rule) -> list[Check]:
        """Conditions under which the rule is about a row: its own, and those of composite rules right above it."""
        above = [self.rules[rule_id] for rule_id in self._above[rule.id]]
        found = [rule.condition, *(each.condition for each in above if each.composite)]
        return [each for position, each in enumerate(found) if each and each not in found[:position]]

    def presence(self) -> dict[str, Count]:
        """Counts of the rules that demand a column: 1 where the view lacks it."""
        found = {}
        for rule in self.to_count().values():
            if rule.check.function == COLUMN_PRESENT:
                lacks = int(str(rule.check.arguments["ColumnName"]) not in self.types)
                found[rule.id] = Count(lacks, 1, lacks)
        return found

    def without_columns(self) -> dict[str, Count]:
        """Counts of the rules that cannot be counted, since a column is missing."""
        rules = self.to_count().values()
        return {rule.id: Count(1, 1, 1, missing) for rule in rules if (missing := self.missing(rule))}

    def statements(self) -> Iterator[Counted]:
        """Statements that count all other rules but those of JSON schemas."""
        yield from (_of_rows(number, rules, self) for number, rules in enumerate(_batches(self._of(BROKEN)), 1))
        if grouped := self._of(GROUPED):
            yield _of_groups(grouped, self)

    def documents(self) -> list[Rule]:
        """Rules that look into a column's documents."""
        return self._of(IN_DOCUMENTS)

    def document_query(self, rule: Rule) -> tuple[Query, Mapping[str, str | tuple[str, ...]]]:
        """Statement that reads a column's documents, each once with its number of rows.

        Its columns are `document`, `other` (of a second column), `included` (whether the conditions hold), `row_count`.
        """
        scope = Scope(self.types, Parameters())
        two = "ColumnBName" in rule.check.arguments
        text = scope.text(rule.check, "ColumnAName" if two else "ColumnName")
        other = scope.text(rule.check, "ColumnBName") if two else "CAST(NULL AS STRING)"
        when = _where(self.when(rule, scope)) or "TRUE"
        sql = (
            f"SELECT {text} AS document, {other} AS other, IFNULL({when}, FALSE) AS included, COUNT(*) AS row_count\n"
            f"FROM {VIEW}\nWHERE {_DAYS} AND {text} IS NOT NULL\nGROUP BY document, other, included\n"
        )
        return _query("focus_documents", sql, scope), scope.parameters.values

    def when(self, rule: Rule, scope: Scope) -> list[str]:
        """Conditions of the rule as predicates."""
        return [f"({holds(condition, scope)})" for condition in self.conditions(rule)]

    def _of(self, functions: Iterable[str]) -> list[Rule]:
        known, rules = set(functions), self.to_count().values()
        return [rule for rule in rules if rule.check.function in known and not self.missing(rule)]


def _counts(rule: Rule) -> bool:
    return rule.static and not rule.optional and rule.check is not NO_CHECK and not rule.references


def _is_known(rule: Rule) -> bool:
    checks = list(rule.check.each())
    if len(checks) == 1 and checks[0].function in (COLUMN_PRESENT, *IN_DOCUMENTS, *GROUPED):
        return True
    return all(check.function in BROKEN for check in checks)


def _dependents(rules: Mapping[str, Rule]) -> Mapping[str, Sequence[str]]:
    found = defaultdict[str, list[str]](list)
    for rule in rules.values():
        for before in dict.fromkeys((*rule.dependencies, *(rule.references if rule.composite else ()))):
            found[before].append(rule.id)
    return found


@dataclass
class _Expressions:
    """Aggregates of a statement, each once, by name."""

    names: dict[str, str] = field(default_factory=dict)

    def name(self, expression: str) -> str:
        return self.names.setdefault(expression, f"c{len(self.names)}")

    def countif(self, predicates: Iterable[str]) -> str:
        wanted = list(predicates)
        return self.name(f"COUNTIF({_where(wanted)})" if wanted else "COUNT(*)")


def _of_rows(number: int, rules: Iterable[Rule], plan: Plan) -> Counted:
    expressions, scope, columns = _Expressions(), Scope(plan.types, Parameters()), {}
    written = replace(scope, as_written=True)
    for rule in rules:
        breaks, when = f"({broken(rule.check, scope)})", plan.when(rule, scope)
        columns[rule.id] = (
            expressions.countif([breaks, *when]),
            expressions.countif(when),
            expressions.countif([f"({broken(rule.check, written)})", *plan.when(rule, written)]),
        )
    counted = [f"{expression} AS {name}" for expression, name in expressions.names.items()]
    chosen = ",\n  ".join([f"COUNT(*) AS {TOTAL}", *counted])
    sql = f"SELECT\n  {chosen}\nFROM {VIEW}\nWHERE {_DAYS}\n"
    return Counted(_query(f"focus_rules_{number}", sql, scope), scope.parameters.values, columns)


def _of_groups(rules: Sequence[Rule], plan: Plan) -> Counted:
    scope = Scope(plan.types, Parameters())
    parts, columns = dict[str, str](), {}  # each SELECT, which has one row, once
    for rule in rules:
        told, written = (
            parts.setdefault(_groups(rule, plan.when(rule, reading), reading), f"part_{len(parts)}")
            for reading in (scope, replace(scope, as_written=True))
        )
        columns[rule.id] = (f"{told}_broken", f"{told}_distinct_values", f"{written}_broken")
    tables = ",\n".join(f"{name} AS ({sql})" for sql, name in parts.items())
    chosen = ", ".join(
        f"{name}.{what} AS {name}_{what}" for name in parts.values() for what in ("broken", "distinct_values")
    )
    sql = f"WITH\n{tables}\nSELECT {chosen}\nFROM {' CROSS JOIN '.join(parts.values())}\n"
    return Counted(_query("focus_groups", sql, scope), scope.parameters.values, columns)


def _groups(rule: Rule, when: Sequence[str], scope: Scope) -> str:
    """SELECT of how many values of a column there are (`distinct_values`), and how many break the rule (`broken`)."""
    check = rule.check
    if check.function == "CheckDistinctCount":
        group, number = scope.column(check, "ColumnAName"), int(check.arguments["ExpectedCount"])
        told, breaks = f"COUNT(DISTINCT {scope.column(check, 'ColumnBName')})", f"told != {number}"
    else:
        group, told, breaks = scope.column(check), "COUNT(*)", "told > 1"
        when = [f"{group} IS NOT NULL", *when]
    inner = f"SELECT {group} AS value, {told} AS told FROM {VIEW} WHERE {_where([_DAYS, *when])} GROUP BY value"
    return f"SELECT COUNTIF({breaks}) AS broken, COUNT(*) AS distinct_values FROM ({inner})"


def _where(predicates: Iterable[str]) -> str:
    return " AND ".join(predicates)


def _query(name: str, sql: str, scope: Scope) -> Query:
    return Query(name, sql, {**scope.parameters.types, **_DAY_TYPES})


def _batches(rules: Sequence[Rule]) -> Iterator[Sequence[Rule]]:
    """Yields so many rules at once; where there is none, an empty batch, since the rows are counted anyway."""
    for begin in range(0, max(len(rules), 1), RULES_A_STATEMENT):
        yield rules[begin : begin + RULES_A_STATEMENT]
