"""What bqemulator's datasets lack: access that every new one has, views of a dataset, `If-Match`, and who must know."""

from __future__ import annotations

from typing import Any

from bqemulator.api.routes import datasets as emulated
from fastapi import APIRouter, Query, Request, Response

from localcloud.bigquery.api.access import EmulatorOf, Principal
from localcloud.bigquery.errors import ConditionNotMet
from localcloud.bigquery.tables import TableRef

router = APIRouter(prefix="/bigquery/v2/projects/{project}/datasets")
# https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets: what a dataset has whose maker says nothing; Google
# adds its maker as OWNER, who is nobody here.
DEFAULT_ACCESS = (
    {"role": "WRITER", "specialGroup": "projectWriters"},
    {"role": "OWNER", "specialGroup": "projectOwners"},
    {"role": "READER", "specialGroup": "projectReaders"},
)


@router.post("")
async def insert_dataset(project: str, request: Request, emulator: EmulatorOf) -> dict[str, Any]:
    """Make a dataset; 409 if it exists."""
    body: dict[str, Any] = await request.json()  # parsed once: whoever asks the request again gets this very object
    body.setdefault("access", list(DEFAULT_ACCESS))
    async with emulator.turn:
        made: dict[str, Any] = await emulated.insert_dataset(project, request, emulator.context)
    return made


@router.get("/{dataset}")
async def get_dataset(
    project: str, dataset: str, emulator: EmulatorOf, principal: Principal,
    view: str = Query(default="FULL", alias="datasetView"),
) -> dict[str, Any]:  # fmt: skip
    """A dataset; its access is told to whoever asks for that view, or for none, and may see it."""
    found: dict[str, Any] = emulated.get_dataset(project, dataset, emulator.context)
    if view == "METADATA":
        return {name: value for name, value in found.items() if name != "access"}
    emulator.denials.refuse_dataset(project, dataset, principal, "bigquery.datasets.getIamPolicy")
    return found


@router.patch("/{dataset}")
@router.put("/{dataset}")
async def patch_dataset(project: str, dataset: str, request: Request, emulator: EmulatorOf) -> dict[str, Any]:
    """Change labels, descriptions or access, unless the dataset has changed since the caller read it."""
    existing = emulator.context.catalog.get_dataset(project, dataset)
    expected = request.headers.get("if-match")
    if existing and expected and expected.strip('"') != existing.etag.strip('"'):
        raise ConditionNotMet("Precondition check failed.")
    changed: dict[str, Any] = await emulated.patch_dataset(project, dataset, request, emulator.context)
    return changed


@router.delete("/{dataset}")
async def delete_dataset(
    project: str, dataset: str, emulator: EmulatorOf, contents: bool = Query(default=False, alias="deleteContents")
) -> Response:
    """Delete a dataset; whoever remembers something of its tables is told that these have changed."""
    async with emulator.turn:
        tables = emulator.context.catalog.list_tables(project, dataset)
        refs = [TableRef(project, dataset, table.table_id) for table in tables]
        emulator.tables.unmade.make_readers(refs)
        gone: Response = await emulated.delete_dataset(project, dataset, emulator.context, contents)
        for ref in refs:
            emulator.tables.changes.add(ref)
            emulator.tables.row_counts.forget([ref])
            emulator.tables.unmade.forget(ref)
    return gone
