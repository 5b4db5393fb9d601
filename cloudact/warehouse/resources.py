"""Resources of BigQuery's REST API as we need them: columns, jobs, and values on their way there and back.

https://cloud.google.com/bigquery/docs/reference/rest/v2
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Column:
    """Column of a table, with everything that BigQuery says of it in `resource`."""

    resource: Mapping[str, Any] = field(repr=False, hash=False)

    @property
    def name(self) -> str:
        """Name."""
        return str(self.resource["name"])

    @property
    def field_type(self) -> str:
        """Type in the words of the API: `INTEGER` and `BOOLEAN`, not `INT64` and `BOOL`."""
        return str(self.resource["type"])

    @property
    def mode(self) -> str:
        """`NULLABLE`, `REQUIRED` or `REPEATED`."""
        return str(self.resource.get("mode", "NULLABLE"))


@dataclass
class Job:
    """Job of ours, as last seen: a query or a load."""

    resource: Mapping[str, Any] = field(repr=False)

    @property
    def job_id(self) -> str:
        """Id."""
        return str(self.resource["jobReference"]["jobId"])

    @property
    def location(self) -> str | None:
        """Location in which it runs."""
        location: str | None = self.resource["jobReference"].get("location")
        return location

    @property
    def job_type(self) -> str:
        """`load` or `query`."""
        return "load" if "load" in self._configuration else "query"

    @property
    def done(self) -> bool:
        """Whether it is over, well or not."""
        return bool(self.resource["status"]["state"] == "DONE")

    @property
    def error_result(self) -> Mapping[str, Any] | None:
        """Error that ended it; `None` for a job that is under way or went well."""
        error: Mapping[str, Any] | None = self.resource["status"].get("errorResult")
        return error

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels that it was started with."""
        labels: Mapping[str, str] = self._configuration.get("labels", {})
        return labels

    @property
    def parameters(self) -> dict[str, object]:
        """Parameters that a query was started with, by name."""
        return {each["name"]: _given(each) for each in self._configuration["query"].get("queryParameters", ())}

    @property
    def destination_table(self) -> str:
        """Name of the table that a load replaces a part of, with the partition."""
        return str(self._configuration["load"]["destinationTable"]["tableId"])

    @property
    def output_rows(self) -> int:
        """Number of rows that a load has loaded."""
        return int(self.resource.get("statistics", {}).get("load", {}).get("outputRows") or 0)

    @property
    def written_rows(self) -> int:
        """Number of rows that a DML statement has written."""
        return int(self.resource.get("statistics", {}).get("query", {}).get("numDmlAffectedRows") or 0)

    @property
    def _configuration(self) -> Mapping[str, Any]:
        configuration: Mapping[str, Any] = self.resource["configuration"]
        return configuration


def parameter(name: str, kind: str, value: object) -> dict[str, Any]:
    """Query parameter of this GoogleSQL type, `ARRAY<…>` of a scalar one included."""
    if kind.startswith("ARRAY<"):
        assert isinstance(value, Sequence)  # noqa: S101 - as its query declares
        values = [{"value": _sent(each)} for each in value]
        of_type = {"type": "ARRAY", "arrayType": {"type": kind[6:-1]}}
        return {"name": name, "parameterType": of_type, "parameterValue": {"arrayValues": values}}
    return {"name": name, "parameterType": {"type": kind}, "parameterValue": {"value": _sent(value)}}


def rows(schema: Mapping[str, Any], page: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a result's page as dicts by column, with values of Python's types."""
    fields = schema.get("fields", ())
    return [_record(fields, row) for row in page]


def _sent(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _given(each: Mapping[str, Any]) -> object:
    kind, value = each["parameterType"]["type"], each.get("parameterValue", {}).get("value")
    if kind == "TIMESTAMP" and value is not None:
        return dt.datetime.fromisoformat(value)
    return value if value is None else READ[kind](value)


def _record(fields: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> dict[str, Any]:
    return {each["name"]: _value(each, cell["v"]) for each, cell in zip(fields, row["f"], strict=True)}


def _value(column: Mapping[str, Any], value: Any) -> Any:
    if column.get("mode") == "REPEATED":
        return [_one(column, each["v"]) for each in value or ()]
    return None if value is None else _one(column, value)


def _one(column: Mapping[str, Any], value: Any) -> Any:
    if column["type"] in ("RECORD", "STRUCT"):
        return _record(column["fields"], value)
    return None if value is None else READ[column["type"]](value)


READ: Mapping[str, Callable[[str], object]] = {
    "STRING": str,
    "INTEGER": int,
    "INT64": int,
    "FLOAT": float,
    "FLOAT64": float,
    "NUMERIC": Decimal,
    "BIGNUMERIC": Decimal,
    "BOOLEAN": lambda text: text == "true",
    "BOOL": lambda text: text == "true",
    "DATE": dt.date.fromisoformat,
    "TIMESTAMP": lambda text: EPOCH + dt.timedelta(microseconds=int(text)),
    "JSON": json.loads,
}
"""Reader of each type's text; timestamps come in whole microseconds since 1970."""
