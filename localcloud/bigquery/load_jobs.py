"""Load jobs: an uploaded file into a table or one of its partitions, atomically.

Google's dispositions decide what happens to the rows that are there; the schema of the job and of the table must agree
unless `schemaUpdateOptions` or a whole-table WRITE_TRUNCATE say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bqemulator.domain.errors import DomainError, NotFoundError, ValidationError

from localcloud.bigquery import sources
from localcloud.bigquery.partitions import partition_named, split_decorator
from localcloud.bigquery.schemas import Field, normalized
from localcloud.bigquery.sources import Source
from localcloud.bigquery.tables import Resource, TableChange, TableRef, Tables, missing_fields
from localcloud.bigquery.writes import Write, write


@dataclass(frozen=True)
class LoadJob:
    """The `configuration.load` of a job, and its file."""

    config: dict[str, Any]
    path: Path
    project: str

    @property
    def target(self) -> tuple[TableRef, str | None]:
        """The destination table and its partition decorator."""
        reference = dict(self.config.get("destinationTable") or {})
        reference["tableId"], decorator = split_decorator(reference.get("tableId", ""))
        return TableRef.of(reference, self.project), decorator

    @property
    def format(self) -> str:
        """PARQUET, NEWLINE_DELIMITED_JSON or CSV."""
        name = str(self.config.get("sourceFormat") or "CSV").upper()
        return "NEWLINE_DELIMITED_JSON" if name == "JSON" else name

    @property
    def disposition(self) -> str:
        """Google appends unless told otherwise."""
        return str(self.config.get("writeDisposition") or "WRITE_APPEND")

    @property
    def fields(self) -> list[Field]:
        """The schema that the job gives, if any."""
        return normalized((self.config.get("schema") or {}).get("fields") or [])


def run(tables: Tables, job: LoadJob) -> dict[str, Any]:
    """Load the file; returns the job's `statistics.load`. Raises DomainError, and then nothing has changed."""
    ref, decorator = job.target
    change = _planned(tables, job, ref, decorator)
    partition = partition_named(change.resource, decorator) if decorator else None
    try:
        source = _source(tables, job, change.resource["schema"]["fields"])
        rows = write(tables, Write(change, source.select, source.columns, job.disposition, partition))
    except DomainError:
        raise
    except Exception as err:  # DuckDB read the file's values only now
        raise ValidationError(f"Error while reading data, error message: {err}") from err
    finally:
        sources.release(tables.engine)
    size = str(job.path.stat().st_size)
    return {
        "inputFiles": "1", "inputFileBytes": size, "outputRows": str(rows), "outputBytes": size, "badRecords": "0",
    }  # fmt: skip


def _planned(tables: Tables, job: LoadJob, ref: TableRef, decorator: str | None) -> TableChange:
    resource = tables.find(ref)
    if resource is None:
        return _created(tables, job, ref)
    if job.disposition == "WRITE_TRUNCATE" and not decorator and job.fields:
        return tables.replacement(ref, {**resource, "schema": {"fields": job.fields}})
    return _extended(tables, job, ref, resource)


def _created(tables: Tables, job: LoadJob, ref: TableRef) -> TableChange:
    if str(job.config.get("createDisposition") or "").upper() == "CREATE_NEVER":
        raise NotFoundError(f"Not found: Table {ref}")
    body = {key: job.config[key] for key in ("timePartitioning", "clustering") if job.config.get(key)}
    return tables.creation(ref, {**body, "schema": {"fields": job.fields or _detected(tables, job)}})


def _detected(tables: Tables, job: LoadJob) -> list[Field]:
    if job.format == "PARQUET":
        return sources.parquet_fields(tables.engine, job.path)
    raise ValidationError("No schema specified on job or table. [schema autodetection is emulated for Parquet only]")


def _extended(tables: Tables, job: LoadJob, ref: TableRef, resource: Resource) -> TableChange:
    added = missing_fields(resource, job.fields)
    if added and "ALLOW_FIELD_ADDITION" not in (job.config.get("schemaUpdateOptions") or []):
        raise ValidationError(
            f"Provided Schema does not match Table {ref}. Cannot add fields (field: {added[0]['name']})"
        )
    return tables.extension(ref, resource, added)


def _source(tables: Tables, job: LoadJob, fields: list[Field]) -> Source:
    if job.format == "PARQUET":
        ignore = bool(job.config.get("ignoreUnknownValues"))
        return sources.parquet(tables.engine, job.path, fields, ignore_unknown=ignore)
    if job.format == "NEWLINE_DELIMITED_JSON":
        rows = sources.json_rows(job.path)
    elif job.format == "CSV":
        rows = sources.csv_rows(job.path, job.fields or fields, job.config)
    else:
        raise ValidationError(f"[local BigQuery] source format {job.format} is not emulated")
    return sources.parsed(tables.engine, rows, fields, job.config)
