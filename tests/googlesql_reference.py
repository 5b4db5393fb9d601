"""Runs a query on a few rows with ZetaSQL's reference implementation: Google's own arithmetic and ordering.

Slow (thousands of rows at most) and without pruning, but no emulator's rounding stands between a test and
what BigQuery computes: this is the yardstick for CAST, SUM, GROUP BY and JSON text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.public import value_pb2

from tests.googlesql import GoogleSql, analyzer_options, call, kept, parameter_types

Row = dict[str, Any]
_OF_ITS_MOMENT = re.compile(r"\b(CURRENT_\w+|RAND|GENERATE_UUID|SESSION_USER)\b", re.IGNORECASE)
"""What answers otherwise at another time, or by chance: such results are not kept."""


def run(
    sql: str, parameters: Sequence[Any], table: str, schema: Sequence[Mapping[str, Any]], rows: Iterable[Row]
) -> list[Row]:
    """The result of `sql` over `table` (`project.dataset.table`) that holds `rows`.

    Rows are dicts as in our fixtures, `_partition_date` included. Results are dicts too; numbers are
    `Decimal`, dates and timestamps text. Raises `AnalysisError` for a refused statement or a run-time error.
    """
    catalog = GoogleSql().add_schema(table, schema, {"_PARTITIONTIME": "TIMESTAMP"}).catalog(sql)
    # The evaluator finds a table's content by one name only: the name quoted as a whole.
    one_name = sql.replace(".".join(f"`{part}`" for part in table.split(".")), f"`{table}`")
    request = service.EvaluateQueryRequest(
        sql=f"SELECT TO_JSON_STRING(result) AS line FROM ({one_name}) AS result",
        options=analyzer_options(parameter_types(parameters)),
        simple_catalog=catalog,
    )
    fields = [*schema, {"name": "_partition_date", "type": "PARTITION"}]
    for row in rows:
        cells = [_value(field, row.get(field["name"])) for field in fields]
        request.table_content[table].table_data.row.add(cell=cells)
    for parameter in parameters:
        request.params.add(name=parameter.name, value=_parameter(parameter))
    response = _evaluated(request)
    return [_parsed(row.cell[0].string_value) for row in response.content.table_data.row]


def run_over(sql: str, tables: Mapping[str, tuple[Sequence[Mapping[str, Any]], Iterable[Row]]]) -> list[Row]:
    """The result of `sql` without parameters over several tables: `{name: (schema, rows)}`, read by these names."""
    request = service.EvaluateQueryRequest(sql=f"SELECT TO_JSON_STRING(result) AS line FROM ({sql}) AS result")
    request.options.CopyFrom(analyzer_options({}))
    known = GoogleSql()
    for name, (schema, rows) in tables.items():
        known.add_schema(name, schema)
        content = request.table_content[name].table_data
        content.SetInParent()  # an empty table is known to be empty
        for row in rows:
            content.row.add(cell=[_value(field, row.get(field["name"])) for field in schema])
    request.simple_catalog.CopyFrom(known.catalog(sql))
    response = _evaluated(request)
    return [_parsed(row.cell[0].string_value) for row in response.content.table_data.row]


def _evaluated(request: Any) -> Any:
    ask = call if _OF_ITS_MOMENT.search(request.sql) else kept
    return ask("EvaluateQuery", request, service.EvaluateQueryResponse)


def _parsed(line: str) -> Row:
    parsed: Row = json.loads(line, parse_float=Decimal, parse_int=Decimal)
    return parsed


def _parameter(parameter: Any) -> Any:
    if not hasattr(parameter, "values"):
        return _value({"type": parameter.type_}, parameter.value)
    return _value({"type": parameter.array_type, "mode": "REPEATED"}, parameter.values)


def _value(field: Mapping[str, Any], value: Any) -> Any:
    if field.get("mode") == "REPEATED":
        single = {**field, "mode": "NULLABLE"}
        return value_pb2.ValueProto(
            array_value=value_pb2.ValueProto.Array(element=[_value(single, v) for v in value or []])
        )
    if value is None:
        return value_pb2.ValueProto()
    if field["type"] == "RECORD":
        parts = [_value(inner, value.get(inner["name"])) for inner in field["fields"]]
        return value_pb2.ValueProto(struct_value=value_pb2.ValueProto.Struct(field=parts))
    return _scalar(field["type"], value)


def _scalar(type_: str, value: Any) -> Any:
    proto = value_pb2.ValueProto()
    match type_:
        case "STRING":
            proto.string_value = value
        case "FLOAT" | "FLOAT64":
            proto.double_value = float(value)
        case "BOOLEAN" | "BOOL":
            proto.bool_value = value
        case "INTEGER" | "INT64":
            proto.int64_value = int(value)
        case "DATE":
            proto.date_value = (date.fromisoformat(value) - date(1970, 1, 1)).days
        case "NUMERIC":  # a little-endian two's complement of billionths
            scaled = int(Decimal(value) * 10**9)
            proto.numeric_value = scaled.to_bytes(scaled.bit_length() // 8 + 1, "little", signed=True)
        case "TIMESTAMP" | "PARTITION":
            proto.timestamp_value.FromDatetime(_moment(value))
        case _:
            raise NotImplementedError(type_)
    return proto


def _moment(value: str | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value.replace(" UTC", "+00:00") if " " in value else f"{value}T00:00:00+00:00")
