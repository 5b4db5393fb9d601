"""Which columns of tables an output column of a query passes on unchanged, as Google's analyzer resolves it.

BigQuery prunes the partitions of a table by a bound on its partitioning column. A bound on a column of a view can
become one only if that column is the partitioning column all the way down: renamed, united, grouped by, never computed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.googlesql import GoogleSql, field, node, resolved

Definitions = dict[int, set[int] | str]


def sources(sql: GoogleSql, query: str, column: str) -> set[str]:
    """`table.column` of every column that the output column passes on, and `computed` if any part of it is."""
    return sources_of(sql, query, column)[column]


def sources_of(sql: GoogleSql, query: str, *columns: str) -> dict[str, set[str]]:
    """The same of several output columns."""
    statement = resolved(sql, query)
    outputs = [each for each in field(statement, "output_column_list") if each.name in columns]
    assert sorted(each.name for each in outputs) == sorted(columns)
    known = _definitions(statement)
    return {each.name: _followed(known, each.column.column_id) for each in outputs}


def _followed(known: Definitions, column_id: int) -> set[str]:
    found = known.get(column_id, "computed")
    if isinstance(found, str):
        return {found}
    return set().union(*(_followed(known, each) for each in found))


def _definitions(statement: Any) -> Definitions:
    """What each column of a resolved statement is: other columns, a table's column, or `computed`."""
    found: dict[str, list[Any]] = defaultdict(list)
    for each in _nodes(statement):
        found[each.DESCRIPTOR.name].append(each)
    entries = {e.with_query_name: e.with_subquery for e in found["ResolvedWithEntryProto"]}
    known: Definitions = {}
    for scan in found["ResolvedTableScanProto"]:
        known.update({c.column_id: f"{c.table_name}.{c.name}" for c in field(scan, "column_list")})
    for computed in found["ResolvedComputedColumnProto"]:
        known[computed.column.column_id] = _passed_on(computed.expr)
    for union in found["ResolvedSetOperationScanProto"]:
        _unite(known, union, [item.output_column_list for item in union.input_item_list])
    for reference in found["ResolvedWithRefScanProto"]:
        _unite(known, reference, [field(node(entries[reference.with_query_name]), "column_list")])
    return known


def _passed_on(expression: Any) -> set[int] | str:
    inner = node(expression)
    return {inner.column.column_id} if "ColumnRef" in inner.DESCRIPTOR.name else "computed"


def _unite(known: Definitions, scan: Any, inputs: list[Any]) -> None:
    for position, column in enumerate(field(scan, "column_list")):
        known[column.column_id] = {each[position].column_id for each in inputs}


def _nodes(message: Any) -> Iterator[Any]:
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type:
            for child in value if isinstance(value, list) or hasattr(value, "add") else [value]:
                yield from _nodes(child)
