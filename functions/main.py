"""Entry points for functions-framework: `api` (public) and `ops` (private).

Importing this loads no Google client; the app is built with the first request.
"""

import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask, Request, Response


def api(request: "Request") -> "Response":
    """The public API, with authentication of its own."""
    from werkzeug.wrappers import Response

    return Response.from_app(_api_app(), request.environ)  # type: ignore[return-value]


def ops(request: "Request") -> "Response":
    """What Cloud Scheduler and operators call."""
    from werkzeug.wrappers import Response

    return Response.from_app(_ops_app(), request.environ)  # type: ignore[return-value]


@functools.cache
def _api_app() -> "Flask":
    from cloudact import logs
    from cloudact.settings import Settings
    from functions.composition import compose
    from functions.routes import public_app

    logs.configure()
    return public_app(compose(Settings.from_env(os.environ)))


@functools.cache
def _ops_app() -> "Flask":
    from cloudact import logs
    from functions.app import create_app
    from functions.routes import add_health

    logs.configure()
    app = create_app("ops")
    add_health(app)
    return app
