"""The ASGI application: our routes first, then those of bqemulator that need no correction."""

from __future__ import annotations

from bqemulator.api.middleware import GzipRequestMiddleware
from bqemulator.api.routes import datasets as emulated_datasets
from bqemulator.api.routes import projects, routines
from bqemulator.api.routes import tables as emulated_tables
from bqemulator.domain.errors import DomainError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from localcloud.bigquery.api import controls, datasets, discovery, jobs, queries, tabledata, tables, uploads
from localcloud.bigquery.emulator import Emulator
from localcloud.bigquery.errors import as_domain_error, envelope, error_proto
from localcloud.bigquery.traffic import Gate
from localcloud.bigquery.well_formed import WellFormed

OURS = (controls, discovery, datasets, queries, jobs, uploads, tabledata, tables)
THEIRS = (emulated_datasets, projects, routines, emulated_tables)


def create_app(emulator: Emulator) -> ASGIApp:
    """The application over one emulator."""
    app = FastAPI(title="Local BigQuery", openapi_url=None)
    app.state.emulator = emulator
    app.state.context = emulator.context  # bqemulator's routes look for it here
    for module in (*OURS, *THEIRS):
        app.include_router(module.router)
    app.add_exception_handler(DomainError, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(Exception, _refused)
    app.add_middleware(WellFormed)
    app.add_middleware(GzipRequestMiddleware)  # the outer one: what is checked is unpacked
    return Gate(app, emulator.traffic)


async def _refused(_: Request, exc: Exception) -> JSONResponse:
    error = as_domain_error(exc)
    return JSONResponse(envelope(error.http_status, error_proto(error)), error.http_status)


async def _unreadable(_: Request, exc: Exception) -> JSONResponse:
    return JSONResponse(envelope(400, {"reason": "invalid", "message": str(exc)}), 400)
