"""Results of queries, kept for paging: the latest ones, within a bound on memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from bqemulator.domain.errors import NotFoundError
from bqemulator.jobs.executor import build_response_schema

from localcloud.bigquery.schemas import FIELD_NAME, Field

MAX_BYTES = 128 << 20
MAX_RESULTS = 500


@dataclass(frozen=True)
class Result:
    """The rows of a finished query and their schema."""

    table: pa.Table = field(default_factory=lambda: pa.table({}))
    fields: list[Field] = field(default_factory=list)

    @property
    def num_rows(self) -> int:
        """Rows in all pages together."""
        return int(self.table.num_rows) if self.table.num_columns else 0


def result_of(table: pa.Table) -> Result:
    """The rows as Google types and names them: NUMERIC has nine decimals, a column without a name is f0_, f1_, …"""
    table = _with_nine_decimals(table)
    fields: list[dict[str, Any]] = build_response_schema(table.schema)
    anonymous = 0
    for entry in fields:
        if not FIELD_NAME.fullmatch(entry["name"]):
            entry["name"] = f"f{anonymous}_"
            anonymous += 1
    return Result(table, fields)


def _with_nine_decimals(table: pa.Table) -> pa.Table:
    # DuckDB multiplies DECIMAL(38,9) into DECIMAL(38,18), where GoogleSQL's NUMERIC stays NUMERIC.
    for position, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type) and column.type.scale > 9:
            rounded = pc.round(table.column(position), 9, round_mode="half_towards_infinity")
            narrow = column.with_type(pa.decimal128(38, 9))
            table = table.set_column(position, narrow, rounded.cast(narrow.type))
    return table


class ResultStore:
    """Results by job; the oldest go when there are too many or they take too much memory."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_results: int = MAX_RESULTS) -> None:
        self._max_bytes, self._max_results = max_bytes, max_results
        self._results: OrderedDict[tuple[str, str], Result] = OrderedDict()
        self._bytes = 0

    def put(self, project: str, job_id: str, result: Result) -> None:
        """Keep a result; the newest always stays."""
        self._results[(project, job_id)] = result
        self._bytes += result.table.nbytes
        while len(self._results) > 1 and (self._bytes > self._max_bytes or len(self._results) > self._max_results):
            self._bytes -= self._results.popitem(last=False)[1].table.nbytes

    def get(self, project: str, job_id: str) -> Result:
        """The result of a job; raises NotFoundError when it was dropped (Google keeps it for a day)."""
        try:
            return self._results[(project, job_id)]
        except KeyError:
            raise NotFoundError(f"[local BigQuery] the result of job {project}:{job_id} is no longer kept") from None
