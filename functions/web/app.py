"""The Flask app that every endpoint shares: request ids, the body limit, failures as problem documents."""

import logging
import re
import uuid
from functools import partial

from flask import Flask, Response, g, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cloudact.errors import Retry
from functions.web import request_log
from functions.web.problems import Problem, unavailable

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 256 * 1024
_REQUEST_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)


class _Json(DefaultJSONProvider):
    """JSON with keys in the order of the code."""

    sort_keys = False
    ensure_ascii = False


class _App(Flask):
    json_provider_class = _Json


def create_app(name: str, project: str) -> Flask:
    """Creates an app without routes. `//` in a path is kept: it is how an empty domain is written.

    `project` is where the traces of its requests are.
    """
    app = _App(name, static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(partial(_start, project))
    app.after_request(_finish)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Retry, _from_retry)
    app.register_error_handler(Exception, _unforeseen)
    return app


def _start(project: str) -> None:
    sent = request.headers.get("X-Request-ID", "")
    g.request_id = sent if _REQUEST_ID.fullmatch(sent) else str(uuid.uuid4())
    request_log.begin(project, g.request_id)
    request.get_data(cache=True)  # an oversized body is refused before anything else is looked at


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    request_log.end(response)
    return response


_DETAILS = {
    404: "There is no such endpoint.",
    405: "This endpoint does not know this method; see the Allow header.",
    413: "The body is larger than 256 KiB.",
}


def _from_werkzeug(err: HTTPException) -> Response:
    status = err.code or 500
    if status < 400:  # a redirect is an answer, not a refusal
        return Response(status=status, headers=err.get_headers())
    detail = _DETAILS.get(status) or err.description or err.name
    allow = err.valid_methods if isinstance(err, MethodNotAllowed) else None
    return Problem(status, detail, {"Allow": ", ".join(sorted(allow))} if allow else None).response()


def _from_retry(err: Retry) -> Response:
    log.warning(err.message, extra={"fields": {"code": err.code}}, exc_info=err)
    return unavailable().response()


def _unforeseen(err: Exception) -> Response:
    log.error("unforeseen error", exc_info=err)
    return Problem(500, f"Something went wrong on our side. The request id is {g.request_id}.").response()
