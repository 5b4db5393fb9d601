"""Entry points for functions-framework: `api` (public) and `ops` (private).

Importing this loads no Google client; the app is built with the first request but those for /health, which a new
instance is asked for first (docs/adr/0030).
"""

import functools
import gc
import os
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import functions_framework
from werkzeug.exceptions import HTTPException

from functions.web.server_pages import replace_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flask import Flask, Request
    from werkzeug.wrappers import Response

    from cloudact.settings import Settings
    from functions.composition import Rooms
    from functions.web.bodies import Bodies

CONSOLE = "/console"
HEALTH = frozenset({"/health", "/api/v1/health"})

_BUILDING = Lock()  # the first requests of an instance come at once, and one of them builds the app for all


def api(request: "Request") -> "Response":
    """Answers a request to the public API or the console, each of which has an authentication of its own."""
    return _health(request, {"Vary": "Origin"}) or _answer(_api_app_of(request.path), request)


def ops(request: "Request") -> "Response":
    """Answers a request of Cloud Scheduler or an operator."""
    return _health(request, {}) or _answer(_ops_app, request)


def _refused_by_framework(_refusal: HTTPException) -> "Response":
    """Answers what the framework's own router refuses with a page: /robots.txt, /favicon.ico, a line end in a path."""
    from flask import current_app, request

    return {"api": api, "ops": ops}[current_app.name](request)  # the framework names its app after the function


functions_framework.errorhandler(HTTPException)(_refused_by_framework)
replace_pages()


def _health(request: "Request", headers: "Mapping[str, str]") -> "Response | None":
    """What the app answers to a plain GET of /health, without the app; `None` for any other request.

    A body and another origin are the app's to judge, and so is an environment that is not usable.
    """
    more = ("CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_ORIGIN")
    if request.path.removesuffix("/") not in HEALTH or request.method != "GET" or any(map(request.environ.get, more)):
        return None
    from werkzeug.wrappers import Response

    from cloudact.errors import ConfigError
    from functions.web.request_ids import request_id_of

    try:
        _settings()
    except ConfigError:
        return None
    usual = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    ids = {"X-Request-ID": request_id_of(request.headers)}
    return Response('{"status":"ok"}\n', headers={**ids, **usual, **headers}, content_type="application/json")


def _api_app_of(path: str) -> "Callable[[], Flask]":
    """What builds the app that answers this path: the API's, or that of the console and its pages alone."""
    return _console_app if path.removesuffix("/") == CONSOLE or path.startswith(f"{CONSOLE}/") else _api_app


def _answer(build: "Callable[[], Flask]", request: "Request") -> "Response":
    from werkzeug.wrappers import Response

    from cloudact.errors import ConfigError

    try:
        with _BUILDING:
            app = build()
    except ConfigError:
        return _cannot_start(request)
    return Response.from_app(app, request.environ)


@contextmanager
def _uncollected() -> "Iterator[None]":
    """Collects no garbage meanwhile: what is imported and built stays as long as the instance."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _cannot_start(request: "Request") -> "Response":
    import logging

    from werkzeug.wrappers import Response

    from cloudact.error_codes import Code
    from functions.web.problems import CANNOT_START, NOT_CONFIGURED, PROBLEM_JSON, Problem, document
    from functions.web.request_ids import request_id_of

    logging.getLogger(__name__).critical(CANNOT_START, exc_info=True)
    request_id = request_id_of(request.headers)
    text = document(Problem(500, NOT_CONFIGURED, code=Code.MISCONFIGURED), request.path, request_id)
    return Response(text, 500, headers={"X-Request-ID": request_id}, content_type=PROBLEM_JSON)


@functools.cache
@_uncollected()
def _api_app() -> "Flask":
    from functions.routes import public_app

    return public_app(_api_rooms(), _bodies())


@functools.cache
@_uncollected()
def _console_app() -> "Flask":
    """App of the console; the API's, which knows no such path, where the deployment has none."""
    if not _settings().console_secret:
        return _api_app()
    from functions.console_routes import console_app

    return console_app(_api_rooms(), _settings(), _bodies())


@functools.cache
def _api_rooms() -> "Rooms":
    from cloudact import logs
    from functions.composition import compose
    from providers import PROVIDERS
    from providers.provider import secret_patterns

    logs.configure(secret_patterns(PROVIDERS))
    return compose(_settings())


@functools.cache
@_uncollected()
def _ops_app() -> "Flask":
    from cloudact import logs
    from functions.auth.service_accounts import Caller
    from functions.composition import OPS_PATIENCE_S, compose
    from functions.ops_routes import private_app
    from providers import PROVIDERS
    from providers.provider import secret_patterns

    logs.configure(secret_patterns(PROVIDERS))
    settings = _settings()
    return private_app(compose(settings, patience_s=OPS_PATIENCE_S), Caller(settings), _bodies())


@functools.cache
def _settings() -> "Settings":
    from cloudact.settings import Settings

    return Settings.from_env(os.environ)


@functools.cache
def _bodies() -> "Bodies":
    """Bodies of as many threads as functions-framework starts."""
    from functions.web.bodies import Bodies

    return Bodies(int(os.environ.get("THREADS") or (os.cpu_count() or 1) * 4))
