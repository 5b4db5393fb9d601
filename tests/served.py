"""Functions behind real sockets: an app on a server of its own, as a container serves it, and behind fronts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server

from cloudact.settings import ROOT, Settings
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.routes import public_app
from localcloud.cloud_run_front.front import Service
from localcloud.cloud_run_front.invoker_check import InvokerCheck
from localcloud.cloud_run_front.server import FrontServer, address, listening
from localcloud.process_records import ProcessRecords
from localcloud.processes import Processes, free_port
from localcloud.stack import Invoker
from tests.conftest import Local


@dataclass(frozen=True)
class Fronts:
    """Where callers reach both functions."""

    api_url: str
    ops_url: str


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The URL of an app behind a server with a thread for every connection."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def under_framework(
    target: str, configuration: Mapping[str, str], folder: Path, source: str = "functions/main.py"
) -> Iterator[str]:
    """The URL of a function as it really runs: functions-framework with gunicorn. It logs to `folder`."""
    port = free_port()
    processes = Processes(folder, ProcessRecords(folder / "processes"))
    arguments = ["-m", "functions_framework", "--target", target, "--source", source]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | dict(configuration)
    try:
        processes.start(target, [*arguments, "--host", "127.0.0.1", "--port", str(port)], env)
        processes.wait_ready(target, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop()


@contextmanager
def fronted(local: Local, settings: Settings, invoker: Invoker, believes: bool | None = None) -> Iterator[Fronts]:
    """Both functions behind fronts of their own, deployed with this OPS_INVOKER.

    `believes` is what `ops` is told of the check, where that is to differ from what is.
    """
    api_listener, ops_listener = listening(0), listening(0)
    api_url, ops_url = address(api_listener), address(ops_listener)
    checked = invoker == "iam"
    told = {"ops_audience": ops_url, "ops_invoker_check": checked if believes is None else believes}
    settings = settings.model_copy(update=told)
    check = InvokerCheck(ops_url, settings.ops_callers.split(","), settings.token_keys_url) if checked else None
    parts = compose(settings, local.clock)
    with served(public_app(parts)) as api, served(private_app(parts, Caller(settings))) as ops:
        fronts = [FrontServer(Service(api), api_listener), FrontServer(Service(ops, check), ops_listener)]
        for front in fronts:
            front.start()
        try:
            yield Fronts(api_url, ops_url)
        finally:
            for front in fronts:
                front.stop()
