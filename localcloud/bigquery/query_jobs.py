"""Query jobs: the statements of a job, run one after another; the last one's rows are the job's.

SELECT, DML, transactions of both and the DDL of tables and views run here; what is left (scripts with control flow,
functions) is bqemulator's, without our rewrites.
"""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from bqemulator.api.dependencies import AppContext
from bqemulator.domain.errors import DomainError
from bqemulator.jobs import executor
from bqemulator.jobs.error_mapper import translate_runtime_error
from sqlglot import exp

from localcloud.bigquery import billing, destinations, table_statements, transactions
from localcloud.bigquery.billing import Bytes
from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.known_statements import KnownStatements
from localcloud.bigquery.new_view import NewView
from localcloud.bigquery.results import Result, result_of
from localcloud.bigquery.sql.parameters import Parameter, signature, values
from localcloud.bigquery.statements import DML, Statement, Statements
from localcloud.bigquery.stopping import Stop
from localcloud.bigquery.tables import TableRef, Tables
from localcloud.bigquery.translation import Scope, Translation, Translator
from localcloud.bigquery.transpiling import CALLER, depends_on_listing

_TODAY = re.compile(r"CURRENT_DATE\('UTC'\)")
_PARAMETER = re.compile(r"@`?(\w+)")
TableCheck = Callable[[TableRef], None]


@dataclass(frozen=True)
class QueryJob:
    """The `configuration.query` of a job, and who may read what."""

    config: dict[str, Any]
    project: str
    check_table: TableCheck
    dry_run: bool = False
    in_transaction: bool = False
    stop: Stop = field(default_factory=Stop)

    @property
    def parameters(self) -> list[Parameter]:
        """Named or positional query parameters."""
        return list(self.config.get("queryParameters") or [])

    @property
    def scope(self) -> Scope:
        """The job's project and default dataset."""
        default = self.config.get("defaultDataset") or {}
        dataset = (default.get("projectId") or self.project, default["datasetId"]) if default else None
        return Scope(self.project, dataset, signature(self.parameters))


@dataclass(frozen=True)
class Outcome:
    """What a statement gave, and its `statistics.query`; the `view` that it has made, if it was read for that."""

    result: Result = field(default_factory=Result)
    kind: str = "SELECT"
    bytes: Bytes = field(default_factory=Bytes)
    affected: int | None = None
    view: NewView | None = None

    def statistics(self) -> dict[str, Any]:
        """The job's statistics on the wire."""
        query: dict[str, Any] = {
            "statementType": self.kind, "cacheHit": False, "totalRows": str(self.result.num_rows),
            "totalBytesProcessed": str(self.bytes.processed), "totalBytesBilled": str(self.bytes.billed),
        }  # fmt: skip
        if self.affected is not None:
            query["numDmlAffectedRows"] = str(self.affected)
            query["dmlStats"] = _dml_stats(self.kind, self.affected)
        return {"query": query, "totalBytesProcessed": query["totalBytesProcessed"]}


def _dml_stats(kind: str, affected: int) -> dict[str, str]:
    name = {"INSERT": "insertedRowCount", "UPDATE": "updatedRowCount", "DELETE": "deletedRowCount"}.get(kind)
    return {name: str(affected)} if name else {}


class Queries:
    """Runs the query jobs of one server."""

    def __init__(self, context: AppContext, tables: Tables, kept: KeptTranslations | None = None) -> None:
        self._context = context
        self._tables = tables
        kept = kept or KeptTranslations()
        self._statements = Statements(kept)
        self._translator = Translator(tables, kept)
        self._views = KnownStatements(tables, kept, "new view", NewView.from_json)

    async def run(self, job: QueryJob) -> Outcome:
        """Run the job, or only check it if it is a dry run; raises DomainError."""
        sql = str(job.config.get("query") or "")
        statements = self._statements.split(sql)
        lists = depends_on_listing(sql)
        makes_a_view = [each.kind for each in statements] == ["CREATE_VIEW"] and not job.dry_run and not lists
        if makes_a_view and (view := self._views.find(sql, job.scope)):
            table_statements.define_view(self._tables, view)
            return Outcome(kind="CREATE_VIEW")
        if lists:
            self._tables.unmade.make_all()
        if transactions.are_used(statements):
            outcomes = await self._run_transactions(statements, job)
        else:
            only_answers = all(each.is_query for each in statements) and "destinationTable" not in job.config
            outcomes = [await self._run(statement, job, only_answers=only_answers) for statement in statements]
        if makes_a_view and outcomes[0].view:
            self._views.remember(sql, job.scope, outcomes[0].view)
        kind = outcomes[-1].kind if len(outcomes) == 1 else "SCRIPT"
        total = sum((outcome.bytes for outcome in outcomes), Bytes())
        last = replace(outcomes[-1], kind=kind, bytes=total)
        if job.config.get("destinationTable") and kind == "SELECT" and not job.dry_run:
            destinations.store(self._tables, job.project, job.config, last.result)
        return last

    async def _run_transactions(self, statements: Sequence[Statement], job: QueryJob) -> list[Outcome]:
        self._make_views(statements, job)
        within = replace(job, in_transaction=True)
        try:
            return [await self._run(statement, within, only_answers=False) for statement in statements]
        finally:
            await self._tables.engine.roll_back()
            self._tables.row_counts.forget_all()  # they may have been counted before the end

    def _make_views(self, statements: Sequence[Statement], job: QueryJob) -> None:
        """What a transaction will read: it does not see what is made after it has begun."""
        for statement in statements:
            if statement.is_query or statement.kind in DML:
                with suppress(DomainError):  # which is told when the statement's turn comes
                    translation = self._translator.translate(statement.sql, job.scope, job.parameters)
                    self._tables.unmade.make(translation.read_by_name)

    async def _run(self, statement: Statement, job: QueryJob, *, only_answers: bool) -> Outcome:
        if statement.is_query or statement.kind in DML:
            return await self._run_sql(statement, job, only_answers=only_answers)
        if control := transactions.DUCKDB.get(statement.kind):
            if not job.dry_run:
                await self._tables.engine.query(control, {})
            return Outcome(kind=statement.kind)
        tree = statement.tree
        if tree and table_statements.handles(tree):
            view = None if job.dry_run else await self._change_tables(tree, job)
            return Outcome(kind=statement.kind, view=view)
        return await self._interpret(statement, job)

    async def _change_tables(self, tree: exp.Expression, job: QueryJob) -> NewView | None:
        async def read(translation: Translation) -> pa.Table:
            return await self._read(translation, job, only_answers=False)

        return await table_statements.run(self._tables, self._translator, tree, job.scope, job.parameters, read)

    async def _run_sql(self, statement: Statement, job: QueryJob, *, only_answers: bool) -> Outcome:
        translation = self._translator.translate(statement.sql, job.scope, job.parameters)
        for ref in translation.tables:
            job.check_table(ref)
        cost = billing.estimate(self._tables, translation.tables, lambda ref: self._rows_read(ref, translation, job))
        billing.refuse_above(job.config.get("maximumBytesBilled"), cost)
        if job.dry_run:
            return Outcome(self._preview(translation, statement, job), statement.kind, Bytes(cost.processed, 0))
        table = await self._read(translation, job, only_answers=only_answers)
        if statement.kind in DML:
            affected = int(table.column(0)[0].as_py())
            self._wrote(translation, statement, job, affected)
            return Outcome(kind=statement.kind, bytes=cost, affected=affected)
        return Outcome(result_of(table), statement.kind, cost)

    def _wrote(self, translation: Translation, statement: Statement, job: QueryJob, affected: int) -> None:
        if statement.kind == "INSERT" and translation.written and not job.in_transaction:
            self._tables.appended(translation.written, affected)
        else:
            self._tables.wrote([translation.written] if translation.written else translation.tables)

    async def _read(self, translation: Translation, job: QueryJob, *, only_answers: bool) -> pa.Table:
        self._tables.unmade.make(translation.read_by_name)
        bound, engine = values(job.parameters, translation.used), self._tables.engine
        return await job.stop.run(
            lambda: engine.query(translation.sql, bound), engine.interrupt, only_answers=only_answers
        )

    def _rows_read(self, ref: TableRef, translation: Translation, job: QueryJob) -> int:
        """The rows of the partitions that the statement reads of a table."""
        condition = translation.partitions.get(ref)
        if condition is None:
            return self._tables.count(ref)
        sql = f"SELECT COUNT(*) FROM `{ref.project}`.`{ref.dataset}`.`{ref.table}` WHERE {condition}"
        counting = self._translator.translate(sql, _told(job.scope, condition), job.parameters)
        if "CURRENT" in _TODAY.sub("", condition).upper():
            return self._counted(counting, job)
        given = repr(sorted(values(job.parameters, counting.used).items()))
        today = datetime.now(UTC).date() if _TODAY.search(condition) else None
        return self._tables.row_counts.of(ref, (counting.sql, given, today), lambda: self._counted(counting, job))

    def _counted(self, counting: Translation, job: QueryJob) -> int:
        return int(self._fetch(counting.sql, counting, job).column(0)[0].as_py())

    def _preview(self, translation: Translation, statement: Statement, job: QueryJob) -> Result:
        if statement.kind in DML:
            self._fetch(f"EXPLAIN {translation.sql}", translation, job)
            return Result()
        return result_of(self._fetch(f"SELECT * FROM ({translation.sql}) LIMIT 0", translation, job))

    def _fetch(self, sql: str, translation: Translation, job: QueryJob) -> pa.Table:
        self._tables.unmade.make(translation.read_by_name)
        return self._tables.engine.fetch(sql, values(job.parameters, translation.used))

    async def _interpret(self, statement: Statement, job: QueryJob) -> Outcome:
        if job.dry_run:
            return Outcome(kind=statement.kind)
        self._tables.unmade.make_all()
        try:
            meta = await executor.execute_query_job(
                job.project, "interpreted", statement.sql, job.parameters or None, self._context, caller=CALLER
            )
        except DomainError:
            raise
        except Exception as err:
            raise translate_runtime_error(err, duckdb_sql=statement.sql) from err
        finally:
            self._tables.engine.roll_back_executed()  # of an EXECUTE IMMEDIATE 'BEGIN TRANSACTION'
            self._tables.changes.add_all()
            self._tables.row_counts.forget_all()
            self._tables.wrote(tuple(self._tables.expiring))
        table = executor.JOB_RESULTS.pop("interpreted", pa.table({}))
        executor.JOB_SCHEMAS.pop("interpreted", None)
        return Outcome(result_of(table), meta.statistics.get("query", {}).get("statementType") or statement.kind)


def _told(scope: Scope, condition: str) -> Scope:
    """The scope with the parameters of a condition only, which is one for many statements."""
    told = {name.lower() for name in _PARAMETER.findall(condition)}
    return replace(scope, parameters=tuple(each for each in scope.parameters if each[0] in told))
