"""The DuckDB connection: bqemulator's engine without its downloads, plus transactions and our macros."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import pyarrow as pa
from bqemulator.domain.errors import DomainError
from bqemulator.jobs.error_mapper import translate_runtime_error
from bqemulator.storage.engine import DuckDBEngine, _annotate_with_duckdb_types

from localcloud.bigquery.errors import in_googles_words
from localcloud.bigquery.sql import averages, bignumeric, float_numeric
from localcloud.bigquery.sql.casts import macro_statements


class LocalEngine(DuckDBEngine):  # type: ignore[misc, unused-ignore]
    """One connection for all that ends soon, on the event loop's thread, and one for queries, on a thread of its own.

    Handing the parts of a statement to more threads takes twice its CPU where tables have a few thousand rows.
    """

    in_transaction = False
    _queries: duckdb.DuckDBPyConnection
    _thread: ThreadPoolExecutor

    async def start(self) -> None:
        """Open the database and define the macros that translated statements call."""
        await super().start()
        self.execute("SET threads = 1")
        for numbers in (bignumeric, float_numeric, averages):
            numbers.define_functions(self.connection)
        for statement in macro_statements():
            self.execute(statement)
        self._queries = self.connection.cursor()
        self._queries.execute("SET TimeZone = 'UTC'")
        self._thread = ThreadPoolExecutor(1, "queries")

    async def stop(self) -> None:
        """End what runs and close the database."""
        self.interrupt()
        self._thread.shutdown(cancel_futures=True)
        self._queries.close()
        await super().stop()

    async def query(self, sql: str, bound: dict[str, Any]) -> pa.Table:
        """Like `fetch`, while the event loop goes on; `interrupt` ends it.

        It is done when it returns, unless `BEGIN TRANSACTION` was run like this before.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, self._queries, sql, bound)

    async def roll_back(self) -> None:
        """Undo what queries have written in a transaction that is still open, if there is one."""
        with suppress(DomainError):
            await self.query("ROLLBACK", {})

    def interrupt(self) -> None:
        """End the query that runs, with an error; without one this does nothing."""
        self._queries.interrupt()

    def fetch(self, sql: str, bound: dict[str, Any]) -> pa.Table:
        """The rows of a translated statement with its parameters; raises DomainError in BigQuery's words."""
        return self._fetch(self.connection, sql, bound)

    def _fetch(self, connection: duckdb.DuckDBPyConnection, sql: str, bound: dict[str, Any]) -> pa.Table:
        try:
            answer = connection.execute(sql, bound or None)
            return _annotate_with_duckdb_types(answer.to_arrow_table(), answer.description)
        except Exception as err:
            raise in_googles_words(translate_runtime_error(err, duckdb_sql=sql)) from err

    def accepts(self, sql: str) -> bool:
        """Whether DuckDB has nothing against a statement, which is not run: it is bound, but not optimized."""
        self.execute("PRAGMA disable_optimizer")
        try:
            self.execute(f"PREPARE accepted AS {sql}")
        except duckdb.Error:
            return False
        else:
            self.execute("DEALLOCATE accepted")
        finally:
            self.execute("PRAGMA enable_optimizer")
        return True

    def roll_back_executed(self) -> None:
        """Undo what is open of a transaction that was begun by `execute`, if there is one."""
        with suppress(duckdb.TransactionException):
            self.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: readers see the state before or after, never between."""
        self.execute("BEGIN TRANSACTION")
        self.in_transaction = True
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        else:
            self.execute("COMMIT")
        finally:
            self.in_transaction = False

    def _load_spatial(self) -> None:
        """GEOGRAPHY is not emulated: the spatial extension costs a download and half a second of every start."""
