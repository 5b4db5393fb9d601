"""tabledata.insertAll and tabledata.list."""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from bqemulator.domain.errors import ValidationError
from fastapi import APIRouter, Query, Request, Response

from localcloud.bigquery import pages
from localcloud.bigquery.api.access import EmulatorOf, Principal, as_json
from localcloud.bigquery.api.running import ANONYMOUS
from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.partitions import partition_named, split_decorator
from localcloud.bigquery.results import Result
from localcloud.bigquery.schemas import quoted
from localcloud.bigquery.streaming import insert_all
from localcloud.bigquery.tables import TableRef

router = APIRouter(prefix="/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}")


@router.post("/insertAll")
async def stream(
    project: str, dataset: str, table: str, request: Request, emulator: EmulatorOf, principal: Principal
) -> Response:
    """Insert rows; bad ones are reported in a 200."""
    body = await request.json()
    name, decorator = split_decorator(table)
    ref = TableRef(project, dataset, name)
    emulator.denials.refuse_table(ref, principal, "bigquery.tables.updateData")
    async with emulator.turn:
        return as_json(insert_all(emulator.tables, emulator.stream, emulator.insert_ids, ref, decorator, body))


@router.get("/data")
async def list_rows(
    project: str, dataset: str, table: str, request: Request, emulator: EmulatorOf, principal: Principal,
    max_results: int | None = Query(default=None, alias="maxResults"),
    start_index: int = Query(default=0, alias="startIndex"),
    page_token: str | None = Query(default=None, alias="pageToken"),
    selected: str | None = Query(default=None, alias="selectedFields"),
) -> Response:  # fmt: skip
    """One page of a table's rows, in the order in which they came."""
    name, decorator = split_decorator(table)
    ref = TableRef(project, dataset, name)
    emulator.denials.refuse_table(ref, principal)
    offset = int(page_token) if page_token else start_index
    async with emulator.turn:
        result, total = _rows(emulator, ref, decorator, selected, offset, max_results)
    micros = request.query_params.get("formatOptions.useInt64Timestamp", "").lower() == "true"
    limit = pages.page_size(result.table, max_results)
    rows = await pages.encoded(result.table, 0, limit, micros=micros)
    reached = offset + min(limit, result.num_rows)
    following = {"pageToken": str(reached)} if offset < reached < total else {}
    return as_json({"kind": "bigquery#tableDataList", "totalRows": str(total), "rows": rows, **following})


def _rows(
    emulator: Emulator, ref: TableRef, decorator: str | None, selected: str | None, offset: int, asked: int | None
) -> tuple[Result, int]:
    limit = pages.MAX_PAGE_ROWS if asked is None else min(asked, pages.MAX_PAGE_ROWS)
    if ref.dataset == ANONYMOUS:
        result = emulator.results.get(ref.project, ref.table)
        return Result(result.table.slice(offset, limit), result.fields), result.num_rows
    resource = emulator.tables.get(ref)
    if resource["type"] != "TABLE":
        raise ValidationError(f"Cannot list a table of type {resource['type']}: {ref}")
    predicate = partition_named(resource, decorator).predicate if decorator else "TRUE"
    wanted = selected.lower().split(",") if selected else None
    fields = [f for f in resource["schema"]["fields"] if wanted is None or f["name"].lower() in wanted]
    columns = ", ".join(quoted(field["name"]) for field in fields)
    sql = f"SELECT {columns} FROM {ref.sql} WHERE {predicate} LIMIT {limit} OFFSET {offset}"
    return Result(emulator.engine.fetch_arrow(sql), fields), emulator.tables.count(ref, predicate)
