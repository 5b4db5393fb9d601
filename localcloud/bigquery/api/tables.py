"""tables.insert, get, patch, update and delete; partitions by decorator. The listing is bqemulator's."""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from typing import Any

from bqemulator.domain.errors import ValidationError
from fastapi import APIRouter, Request, Response

from localcloud.bigquery.api.access import EmulatorOf, Principal, as_json
from localcloud.bigquery.api.running import ANONYMOUS, query_job
from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.errors import ConditionNotMet
from localcloud.bigquery.partitions import partition_named, split_decorator
from localcloud.bigquery.schemas import Field, by_name, normalized, quoted, row_width
from localcloud.bigquery.tables import Resource, TableChange, TableRef, missing_fields

router = APIRouter(prefix="/bigquery/v2/projects/{project}/datasets/{dataset}/tables")


@router.post("")
async def insert_table(
    project: str, dataset: str, request: Request, emulator: EmulatorOf, principal: Principal
) -> Response:
    """Make a table or a view; 409 if it exists."""
    body: Resource = await request.json()
    ref = TableRef(project, dataset, (body.get("tableReference") or {}).get("tableId", ""))
    async with emulator.turn:
        if body.get("view"):
            await _make_view(emulator, ref, body["view"]["query"], principal)
        else:
            emulator.tables.create(ref, body)
        return as_json(emulator.tables.described(ref))


async def _make_view(emulator: Emulator, ref: TableRef, sql: str, principal: str, verb: str = "CREATE VIEW") -> None:
    text = f"{verb} `{ref.project}.{ref.dataset}.{ref.table}` AS {sql}"
    await emulator.queries.run(query_job(emulator, ref.project, {"query": text}, principal, dry_run=False))


@router.get("/{table}")
async def get_table(project: str, dataset: str, table: str, emulator: EmulatorOf) -> Response:
    """A table, view, partition or the anonymous result of a query, with its present size."""
    name, decorator = split_decorator(table)
    ref = TableRef(project, dataset, name)
    if dataset == ANONYMOUS:
        return as_json(_anonymous(emulator, ref))
    async with emulator.turn:
        resource = emulator.tables.get(ref)
        predicate = partition_named(resource, decorator).predicate if decorator else "TRUE"
        return as_json(emulator.tables.described(ref, predicate))


def _anonymous(emulator: Emulator, ref: TableRef) -> dict[str, Any]:
    result = emulator.results.get(ref.project, ref.table)
    reference = {"projectId": ref.project, "datasetId": ref.dataset, "tableId": ref.table}
    return {
        "kind": "bigquery#table", "id": str(ref), "tableReference": reference, "type": "TABLE", "location": "US",
        "schema": {"fields": result.fields}, "numRows": str(result.num_rows),
        "numBytes": str(result.num_rows * row_width(result.fields)),
    }  # fmt: skip


@router.patch("/{table}")
@router.put("/{table}")
async def patch_table(
    project: str, dataset: str, table: str, request: Request, emulator: EmulatorOf, principal: Principal
) -> Response:
    """Change descriptions, labels, options; add columns or relax REQUIRED ones; give a view another query."""
    body: Resource = await request.json()
    ref = TableRef(project, dataset, table)
    async with emulator.turn:
        resource = emulator.tables.get(ref)
        _check_etag(resource, request.headers.get("if-match"))
        if body.get("view"):
            await _make_view(emulator, ref, body["view"]["query"], principal, "CREATE OR REPLACE VIEW")
        else:
            emulator.tables.apply(_patched(emulator, ref, resource, body))
        return as_json(emulator.tables.described(ref))


def _check_etag(resource: Resource, expected: str | None) -> None:
    if expected and expected.strip('"') != str(resource["etag"]).strip('"'):
        raise ConditionNotMet("Precondition check failed.")


def _patched(emulator: Emulator, ref: TableRef, resource: Resource, body: Resource) -> TableChange:
    given = normalized((body.get("schema") or {}).get("fields") or [])
    kept = {name: value for name, value in body.items() if name not in ("schema", "tableReference", "etag")}
    if not given:
        return TableChange(ref, {**resource, **kept})
    wanted = by_name(given)
    gone = next((f["name"] for f in resource["schema"]["fields"] if f["name"].lower() not in wanted), None)
    if gone:
        raise ValidationError(f"Provided Schema does not match Table {ref}. Field {gone} is missing in new schema")
    change = emulator.tables.extension(ref, resource, missing_fields(resource, given))
    fields = [wanted[field["name"].lower()] for field in change.resource["schema"]["fields"]]
    relaxed = tuple(_relaxations(ref, resource["schema"]["fields"], wanted))
    return TableChange(ref, {**resource, **kept, "schema": {"fields": fields}}, (*change.ddl, *relaxed))


def _relaxations(ref: TableRef, fields: list[Field], wanted: dict[str, Field]) -> list[str]:
    statements = []
    for field in fields:
        new = wanted[field["name"].lower()]
        if new["type"] != field["type"] or (new["mode"] == "REQUIRED") > (field["mode"] == "REQUIRED"):
            raise ValidationError(f"Provided Schema does not match Table {ref}. Field {field['name']} has changed")
        if field["mode"] == "REQUIRED" and new["mode"] == "NULLABLE":
            statements.append(f"ALTER TABLE {ref.sql} ALTER COLUMN {quoted(field['name'])} DROP NOT NULL")
    return statements


@router.delete("/{table}")
async def delete_table(project: str, dataset: str, table: str, emulator: EmulatorOf) -> Response:
    """Remove a table or view, or the rows of a partition."""
    name, decorator = split_decorator(table)
    ref = TableRef(project, dataset, name)
    async with emulator.turn:
        if decorator:
            predicate = partition_named(emulator.tables.get(ref), decorator).predicate
            emulator.engine.execute(f"DELETE FROM {ref.sql} WHERE {predicate}")
            emulator.tables.row_counts.forget([ref])
        else:
            emulator.tables.drop(ref)
    return Response(status_code=204)
