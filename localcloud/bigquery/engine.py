"""The DuckDB connection: bqemulator's engine without its downloads, plus transactions and our macros."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from bqemulator.jobs.error_mapper import translate_runtime_error
from bqemulator.storage.engine import DuckDBEngine

from localcloud.bigquery.errors import in_googles_words
from localcloud.bigquery.sql import averages, bignumeric, float_numeric
from localcloud.bigquery.sql.casts import macro_statements


class LocalEngine(DuckDBEngine):  # type: ignore[misc, unused-ignore]
    """One connection for every statement; the event loop runs them one after another, each on its own thread.

    Handing the parts of a statement to more threads takes twice its CPU where tables have a few thousand rows.
    """

    async def start(self) -> None:
        """Open the database and define the macros that translated statements call."""
        await super().start()
        self.execute("SET threads = 1")
        for numbers in (bignumeric, float_numeric, averages):
            numbers.define_functions(self.connection)
        for statement in macro_statements():
            self.execute(statement)

    def fetch(self, sql: str, bound: dict[str, Any]) -> pa.Table:
        """The rows of a translated statement with its parameters; raises DomainError in BigQuery's words."""
        try:
            return self.fetch_arrow(sql, bound or None)  # type: ignore[arg-type]  # DuckDB takes names as well
        except Exception as err:
            raise in_googles_words(translate_runtime_error(err, duckdb_sql=sql)) from err

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: readers see the state before or after, never between."""
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def _load_spatial(self) -> None:
        """GEOGRAPHY is not emulated: the spatial extension costs a download and half a second of every start."""
