"""Load jobs with their file: multipart in one request, or resumable in chunks."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from bqemulator.domain.errors import DomainError, NotFoundError, ValidationError
from fastapi import APIRouter, Query, Request, Response

from localcloud.bigquery import load_jobs
from localcloud.bigquery.api.access import EmulatorOf, Principal, as_json
from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.errors import as_domain_error
from localcloud.bigquery.job_book import job_resource
from localcloud.bigquery.load_jobs import LoadJob
from localcloud.bigquery.upload_files import Upload, new_upload

router = APIRouter(prefix="/upload/bigquery/v2/projects/{project}")


@router.post("/jobs")
async def start_upload(
    project: str, request: Request, emulator: EmulatorOf, principal: Principal, kind: str = Query(alias="uploadType")
) -> Response:
    """Take a multipart upload whole, or open a resumable one."""
    emulator.denials.refuse_job(project, principal)
    body = await request.body()
    if kind == "multipart":
        job, media = _parts(request.headers.get("content-type", ""), body)
        upload = new_upload(job)
        upload.append(media)
        return await _finish(emulator, project, upload)
    upload = new_upload(json.loads(body))
    emulator.jobs.refuse_taken(project, upload.job_id)
    upload_id = uuid4().hex
    emulator.uploads[upload_id] = upload
    location = f"{request.url.replace(query='')}?uploadType=resumable&upload_id={upload_id}"
    return Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})


@router.put("/jobs")
async def continue_upload(project: str, request: Request, emulator: EmulatorOf, upload_id: str = Query()) -> Response:
    """Add a chunk; the last one runs the job."""
    upload = emulator.uploads.get(upload_id)
    if upload is None:
        raise NotFoundError(f"Not found: upload {upload_id}")
    received = upload.append(await request.body())
    total = re.search(r"/(\d+)$", request.headers.get("content-range", f"/{received}"))
    if total is None or received < int(total[1]):
        seen = {"Range": f"bytes=0-{received - 1}"} if received else {}
        return Response(status_code=308, headers=seen)
    del emulator.uploads[upload_id]
    return await _finish(emulator, project, upload)


def _parts(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    parts = body.split(b"--" + boundary[1].encode()) if boundary else []
    if len(parts) != 4:
        raise ValidationError("A multipart upload has two parts: the job and the file.")
    contents = [part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts[1:3]]
    return json.loads(contents[0]), contents[1]


async def _finish(emulator: Emulator, project: str, upload: Upload) -> Response:
    try:
        async with emulator.turn:
            return as_json(_load(emulator, project, upload))
    finally:
        upload.path.unlink(missing_ok=True)


def _load(emulator: Emulator, project: str, upload: Upload) -> dict[str, Any]:
    configuration = upload.job["configuration"]
    job = emulator.jobs.claim(project, upload.job_id, "LOAD", configuration)
    statistics: dict[str, Any] = {"outputRows": "0"}
    error: DomainError | None = None
    try:
        emulator.load_quota.take()
        statistics = load_jobs.run(emulator.tables, LoadJob(configuration["load"], upload.path, project))
    except Exception as exc:
        error = as_domain_error(exc)
    return job_resource(emulator.jobs.finish(job, {"load": statistics}, error))
