"""The Flask app that every endpoint shares: request ids, the body limit, failures as problem documents."""

import logging
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter, Rule

from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Retry
from functions.web import bodies, request_log
from functions.web.problems import CANNOT_START, NOT_CONFIGURED, Problem, unavailable
from functions.web.request_ids import request_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)


class _Json(DefaultJSONProvider):
    """JSON with keys in the order of the code."""

    sort_keys = False
    ensure_ascii = False


class _Matched(Rule):
    """A rule by which paths are only matched. Compiling what would build paths takes most of the start of an app."""

    def _compile_builder(self, append_unknown: bool = True) -> "Callable[..., tuple[str, str]]":  # noqa: ARG002
        return _built


class _Rest(BaseConverter):
    """The rest of a path: the last segment, in which a slash may have been encoded. WSGI tells it decoded."""

    part_isolating = False
    regex = "(?s:.+)"  # an encoded line end, too: it is refused with the reason
    weight = 200


def _built(_rule: Rule, **_values: object) -> tuple[str, str]:
    raise NotImplementedError("no path is built from a route here")


class App(Flask):
    """App of one function: JSON in the order of the code, and paths that may end in a slash."""

    json_provider_class = _Json
    url_rule_class = _Matched

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        """Answers a request; a slash at the end of its path says nothing, unless it was sent as %2F."""
        path = environ.get("PATH_INFO", "")
        if environ.get("RAW_URI", "").partition("?")[0][-3:].lower() == "%2f":
            return super().wsgi_app(environ, start_response)
        return super().wsgi_app({**environ, "PATH_INFO": path.removesuffix("/") or "/"}, start_response)


def create_app(name: str, project: str, receiving: bodies.Bodies | None = None) -> Flask:
    """Creates an app without routes. `//` in a path is kept: it is how an empty domain is written.

    `project` is where the traces of its requests are, `receiving` how its server receives bodies.
    """
    app = App(name, static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters["rest"] = _Rest
    (receiving or bodies.Bodies()).install(app)
    app.before_request(partial(_start, project))
    app.after_request(_finish)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Retry, _from_retry)
    app.register_error_handler(ConfigError, _misconfigured)
    app.register_error_handler(Exception, _unforeseen)
    return app


def _start(project: str) -> None:
    g.request_id = request_id_of(request.headers)
    request_log.begin(project, g.request_id)
    bodies.refuse_by_length(request)


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    bodies.leave_rest(request, response)
    request_log.end(response)
    return response


def _from_werkzeug(err: HTTPException) -> Response:
    if isinstance(err, MethodNotAllowed):
        allowed = ", ".join(sorted(err.valid_methods or ()))
        detail = "This endpoint does not know this method; see the Allow header."
        return Problem(405, detail, {"Allow": allowed}, code=Code.METHOD_NOT_ALLOWED).response()
    if err.code == 404:
        return Problem(404, "There is no such endpoint.", code=Code.ENDPOINT_UNKNOWN).response()
    if err.code is None or err.code >= 500:
        return _unforeseen(err)
    return Problem(err.code, err.description or err.name, code=Code.REQUEST_MALFORMED).response()


def _from_retry(err: Retry) -> Response:
    log.warning(err.message, extra={"fields": {"code": err.code}}, exc_info=err)
    return unavailable(err).response()


def _misconfigured(err: ConfigError) -> Response:
    """Answers where a room cannot be built: what it is made of is read with the first request for it."""
    log.critical(CANNOT_START, exc_info=err)
    return Problem(500, NOT_CONFIGURED, code=Code.MISCONFIGURED).response()


def _unforeseen(err: Exception) -> Response:
    log.error("unforeseen error", exc_info=err)
    detail = f"Something went wrong on our side. The request id is {g.request_id}."
    return Problem(500, detail, code=Code.INTERNAL_ERROR).response()
