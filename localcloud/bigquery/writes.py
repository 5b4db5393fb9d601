"""Writing rows into a table as Google's load and query jobs do: whole, or not at all."""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from dataclasses import dataclass

from bqemulator.domain.errors import AlreadyExistsError, ValidationError

from localcloud.bigquery.engine import LocalEngine
from localcloud.bigquery.partitions import INGESTED, Partition
from localcloud.bigquery.schemas import quoted
from localcloud.bigquery.tables import TableChange, Tables

STAGE = "__staged_rows"


@dataclass(frozen=True)
class Write:
    """Rows of `select` to be written into columns of a table or partition.

    Its own columns are named and typed like these; for `append` their order is enough.
    """

    change: TableChange
    select: str
    columns: list[str]
    disposition: str = "WRITE_APPEND"
    partition: Partition | None = None


def write(tables: Tables, job: Write) -> int:
    """Write the rows in one transaction; returns how many. Raises ValidationError or AlreadyExistsError."""
    tables.prepare(job.change)
    with tables.engine.transaction():
        tables.execute(job.change)
        _stage(tables.engine, job)
        _refuse_missing_values(tables.engine, job)
        _make_room(tables, job)
        count = _insert(tables, job, f"SELECT {_columns(job)} FROM {STAGE}")
        tables.wrote([job.change.ref])
        tables.engine.execute(f"DROP TABLE {STAGE}")
    if job.change.ddl:
        tables.record(job.change)
    return count


def append(tables: Tables, job: Write) -> None:
    """Add rows that are known to fit the table."""
    tables.prepare(job.change)
    tables.appended(job.change.ref, _insert(tables, job, job.select))


def _stage(engine: LocalEngine, job: Write) -> None:
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {STAGE} AS {job.select}")
    _refuse_other_partitions(engine, job)


def _refuse_other_partitions(engine: LocalEngine, job: Write) -> None:
    if job.partition is None or job.partition.column == INGESTED:
        return
    elsewhere = f"NOT coalesce({job.partition.predicate}, FALSE)"
    if engine.execute(f"SELECT 1 FROM {STAGE} WHERE {elsewhere} LIMIT 1").fetchone():
        raise ValidationError(
            "Some rows belong to different partitions rather than destination partition "
            f"{job.change.ref.table}${job.partition.decorator}"
        )


def _refuse_missing_values(engine: LocalEngine, job: Write) -> None:
    given = {name.lower() for name in job.columns}
    required = [f["name"] for f in job.change.resource["schema"]["fields"] if f["mode"] == "REQUIRED"]
    if not required:
        return
    missing = [f"{quoted(name)} IS NULL" if name.lower() in given else "TRUE" for name in required]
    found = engine.execute(f"SELECT {', '.join(f'BOOL_OR({each})' for each in missing)} FROM {STAGE}").fetchone()
    for name, is_missing in zip(required, found or (), strict=True):
        if is_missing:
            raise ValidationError(f"Required field {name} cannot be null")


def _make_room(tables: Tables, job: Write) -> None:
    predicate = job.partition.predicate if job.partition else "TRUE"
    if job.disposition == "WRITE_TRUNCATE":
        tables.engine.execute(f"DELETE FROM {job.change.ref.sql} WHERE {predicate}")
    elif job.disposition == "WRITE_EMPTY" and tables.count(job.change.ref, predicate):
        raise AlreadyExistsError(f"Already Exists: Table {job.change.ref}")


def _insert(tables: Tables, job: Write, select: str) -> int:
    columns = _columns(job)
    if job.partition and job.partition.column == INGESTED:
        start = job.partition.literal(job.partition.start)
        select = f"SELECT {columns}, {start} FROM ({select}) AS given({columns})"
        columns = f"{columns}, {quoted(INGESTED)}"
    row = tables.engine.execute(f"INSERT INTO {job.change.ref.sql} ({columns}) {select}").fetchone()
    return int(row[0]) if row else 0


def _columns(job: Write) -> str:
    return ", ".join(map(quoted, job.columns))
