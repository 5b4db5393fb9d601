"""The discovery document, which the bq command fetches from any endpoint that is not Google's."""

from __future__ import annotations

import json
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

from bqemulator.domain.errors import NotFoundError
from fastapi import APIRouter, Request

router = APIRouter()
IN_SDK = Path("platform/bq/discovery_next/bigquery.json")


@router.get("/$discovery/rest")
@router.get("/discovery/v1/apis/bigquery/v2/rest")
async def discovery(request: Request) -> dict[str, Any]:
    """The document of the installed Cloud SDK, with this server as its root."""
    root = str(request.base_url)
    return {**_document(), "rootUrl": root, "baseUrl": f"{root}bigquery/v2/", "mtlsRootUrl": root}


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    command = shutil.which("bq")
    path = Path(command).resolve().parent.parent / IN_SDK if command else None
    if path is None or not path.exists():
        raise NotFoundError("[local BigQuery] no Cloud SDK with a BigQuery discovery document is installed")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
