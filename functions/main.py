"""Entry points for functions-framework: `api` (public) and `ops` (private).

Importing this loads no Google client; the app is built with the first request.
"""

import functools
import os
from threading import Lock
from typing import TYPE_CHECKING

import functions_framework
from werkzeug.exceptions import HTTPException

from functions.web.server_pages import replace_pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Request
    from werkzeug.wrappers import Response

    from functions.web.bodies import Bodies


_BUILDING = Lock()  # the first requests of an instance come at once, and one of them builds the app for all


def api(request: "Request") -> "Response":
    """Answers a request to the public API, which has an authentication of its own."""
    return _answer(_api_app, request)


def ops(request: "Request") -> "Response":
    """Answers a request of Cloud Scheduler or an operator."""
    return _answer(_ops_app, request)


def _refused_by_framework(_refusal: HTTPException) -> "Response":
    """Answers what the framework's own router refuses with a page: /robots.txt, /favicon.ico, a line end in a path."""
    from flask import current_app, request

    return {"api": api, "ops": ops}[current_app.name](request)  # the framework names its app after the function


functions_framework.errorhandler(HTTPException)(_refused_by_framework)
replace_pages()


def _answer(build: "Callable[[], Flask]", request: "Request") -> "Response":
    from werkzeug.wrappers import Response

    from cloudact.errors import ConfigError

    try:
        with _BUILDING:
            app = build()
    except ConfigError:
        return _cannot_start(request)
    return Response.from_app(app, request.environ)


def _cannot_start(request: "Request") -> "Response":
    import logging

    from werkzeug.wrappers import Response

    from cloudact.error_codes import Code
    from functions.web.app import request_id_of
    from functions.web.problems import PROBLEM_JSON, Problem, document

    logging.getLogger(__name__).critical("the function cannot start", exc_info=True)
    detail = "The service is not configured; its operators have been told."
    request_id = request_id_of(request.headers)
    text = document(Problem(500, detail, code=Code.MISCONFIGURED), request.path, request_id)
    return Response(text, 500, headers={"X-Request-ID": request_id}, content_type=PROBLEM_JSON)


@functools.cache
def _api_app() -> "Flask":
    from cloudact import logs
    from cloudact.settings import Settings
    from functions.composition import compose
    from functions.routes import public_app
    from providers import PROVIDERS
    from providers.provider import secret_patterns

    logs.configure(secret_patterns(PROVIDERS))
    return public_app(compose(Settings.from_env(os.environ)), _bodies())


@functools.cache
def _ops_app() -> "Flask":
    from cloudact import logs
    from cloudact.settings import Settings
    from functions.auth.service_accounts import Caller
    from functions.composition import OPS_PATIENCE_S, compose
    from functions.ops_routes import private_app
    from providers import PROVIDERS
    from providers.provider import secret_patterns

    logs.configure(secret_patterns(PROVIDERS))
    settings = Settings.from_env(os.environ)
    return private_app(compose(settings, patience_s=OPS_PATIENCE_S), Caller(settings), _bodies())


def _bodies() -> "Bodies":
    """Bodies of as many threads as functions-framework starts."""
    from functions.web.bodies import Bodies

    return Bodies(int(os.environ.get("THREADS") or (os.cpu_count() or 1) * 4))
