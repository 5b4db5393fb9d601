"""One process: check the pins, open the database, serve until SIGTERM or SIGINT, close."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import uvicorn
from bqemulator.config import PersistenceMode, Settings
from starlette.types import ASGIApp

from localcloud.bigquery import without_pandas
from localcloud.bigquery.app import create_app
from localcloud.bigquery.emulator import start
from localcloud.bigquery.sql import decimal_type
from localcloud.bigquery.stream_buffer import Delay

# Our code calls into these packages below their public surface.
PINS = {"bqemulator": "1.4.0", "duckdb": "1.5.5"}
HOST = "127.0.0.1"


class WrongVersion(RuntimeError):
    """An installed package is not the version this code was written for."""


def check_pins() -> None:
    """Raise WrongVersion unless the installed packages are the pinned ones."""
    for package, wanted in PINS.items():
        if version(package) != wanted:
            raise WrongVersion(f"the local BigQuery needs {package}=={wanted}, but {version(package)} is installed")


async def serve(port: int, data_dir: Path | None, project: str, announce: Callable[[str], None], delay: Delay) -> None:
    """Serve on loopback; `announce` gets one line when requests are accepted. Raises OSError if the port is taken."""
    check_pins()
    decimal_type.apply()
    without_pandas.settle()
    with _listener(port) as listener:
        emulator = await start(_settings(port, data_dir, project))
        emulator.stream.delay_by(delay)
        _collect_garbage_seldom()
        try:
            await _until_stopped(uvicorn.Server(_config(create_app(emulator))), listener, announce)
        finally:
            emulator.stream.let_in(everything=True)
            await emulator.engine.stop()


def _collect_garbage_seldom() -> None:
    """What the start made stays; syntax trees are thousands of objects each, of which few are ever garbage at once."""
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


def _listener(port: int) -> socket.socket:
    # With the protocol spelled out asyncio sets TCP_NODELAY; without it every answer waits 40 ms for Nagle.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener


async def _until_stopped(server: uvicorn.Server, listener: socket.socket, announce: Callable[[str], None]) -> None:
    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    serving = asyncio.create_task(server._serve(sockets=[listener]))  # `serve` would take the signals for itself
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    announce(f"bigquery ready http://{HOST}:{listener.getsockname()[1]}")
    await serving


def _settings(port: int, data_dir: Path | None, project: str) -> Settings:
    mode = PersistenceMode.PERSISTENT if data_dir else PersistenceMode.EPHEMERAL
    return Settings(
        rest_port=port, default_project_id=project, persistence_mode=mode, data_dir=data_dir,
        enable_format_extensions=False, time_travel_retention_days=0,
    )  # fmt: skip


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2)
