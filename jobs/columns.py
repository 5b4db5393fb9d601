"""Columns of an org's table: every row that is loaded has them, whatever its source gives.

They are read from the table itself, so its DDL is the only list of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import pyarrow as pa

from cloudact.error_codes import Code
from cloudact.errors import OURS_TO_MEND, Stop
from cloudact.warehouse.resources import Column
from providers.arrow import ARROW
from providers.source import Row

BATCH_ROWS = 2500
RUN_COLUMNS = ("org_slug", "run_id", "ingested_at")
"""What every row carries: whose it is, which run wrote it, and that run's first start."""


@dataclass(frozen=True)
class Columns:
    """Columns of `table`. Rows that do not fit raise `Stop`, with no value in the message."""

    table: str
    fields: Sequence[Column]

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow and Parquet schema, in the table's order.

        A column that is NOT NULL in the table is so in the file: BigQuery refuses to relax a column while loading.
        """
        fields = (pa.field(f.name, ARROW[f.field_type], nullable=f.mode != "REQUIRED") for f in self.fields)
        return pa.schema(list(fields))

    def batches(self, rows: Iterable[Row | pa.RecordBatch], run: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """Batches of `schema` from rows or batches; `run` is the value of each run's column for rows that lack it."""
        waiting: list[Row] = []
        for each in rows:
            whole = isinstance(each, pa.RecordBatch)
            if not whole:
                waiting.append(each)
            if waiting and (whole or len(waiting) == BATCH_ROWS):
                yield self._fitted(self._batch(waiting), run)
                waiting = []
            if whole:
                yield self._fitted(each, run)
        if waiting:
            yield self._fitted(self._batch(waiting), run)

    def _batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        names_given = set().union(*{tuple(row) for row in rows})  # most rows name the same columns in the same order
        self._require_known(names_given)
        known = [field for field in self.schema if field.name in names_given]
        arrays = [self._array(field, [row.get(field.name) for row in rows]) for field in known]
        return pa.RecordBatch.from_arrays(arrays, names=[field.name for field in known])

    def _array(self, field: pa.Field, values: Sequence[Any]) -> pa.Array:
        try:
            return pa.array(values, field.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as err:
            self._unfit(field, err)

    def _fitted(self, batch: pa.RecordBatch, run: Mapping[str, Any]) -> pa.RecordBatch:
        self._require_known(set(batch.schema.names))
        arrays = [self._column(field, batch, run) for field in self.schema]
        for field, array in zip(self.schema, arrays, strict=True):
            if not field.nullable and array.null_count:
                raise Stop(
                    Code.ROWS_UNFIT,
                    f"A row of {self.table} has no {field.name}, which each must have.",
                    OURS_TO_MEND,
                )
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _column(self, field: pa.Field, batch: pa.RecordBatch, run: Mapping[str, Any]) -> pa.Array:
        if field.name not in batch.schema.names:
            return pa.repeat(pa.scalar(run.get(field.name), field.type), batch.num_rows)
        column = batch.column(field.name)
        if pa.types.is_floating(column.type) and pa.types.is_decimal(field.type):
            self._unfit(field)  # what is exact is never made of what is not
        try:
            return column.cast(field.type)
        except pa.ArrowException as err:
            self._unfit(field, err)

    def _require_known(self, names: set[str]) -> None:
        unknown = sorted(names - set(self.schema.names))
        if unknown:
            message = (
                f"The organization's table {self.table} has no column {', '.join(unknown)}: it is older than this."
            )
            raise Stop(
                Code.TABLE_OUTDATED, message, "Bring the organization's tables up to date, then start the run again."
            )

    def _unfit(self, field: pa.Field, err: Exception | None = None) -> NoReturn:
        raise Stop(Code.ROWS_UNFIT, f"A value of {self.table}.{field.name} is no {field.type}.", OURS_TO_MEND) from err
