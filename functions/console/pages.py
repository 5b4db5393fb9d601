"""Pages: templates, what every page shows, and the headers that keep everything foreign out."""

import gzip
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from functions.console import readable
from functions.console.collaborators import Console
from functions.console.flash import COOKIE as FLASH
from functions.console.flash import LIFETIME, read_flash
from functions.console.sessions import Visit, forget_cookie, put_cookie
from functions.console.static_files import HTMX, static_files

TEMPLATES = Path(__file__).parent / "templates"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def secured(response: Response) -> Response:
    """The response with the headers that every answer of the console has; for Flask's `after_request`."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def page(console: Console, visit: Visit | None, template: str, *, status: int = 200, **shown: Any) -> Response:
    """HTML of a template. What the last form came to is shown on it, and forgotten."""
    flash = read_flash(console.signer)
    response = _html(render(template, visit=visit, flash=flash, now=console.clock(), **shown), status)
    if flash:
        forget_cookie(response, FLASH)
    return response


def fragment(console: Console, visit: Visit, template: str, **shown: Any) -> Response:
    """HTML of a part of a page, which replaces that part."""
    return _html(render(template, visit=visit, flash=None, now=console.clock(), **shown))


def _html(text: str, status: int = 200) -> Response:
    """The text, compressed where the browser takes that: what is secret in a page differs with each answer."""
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    if request.accept_encodings["gzip"] > 0:
        response.set_data(gzip.compress(response.get_data(), 5, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def go(path: str, flash: str | None = None) -> Response:
    """303 to a path of ours, where the browser shows the text that `flash_text` has signed."""
    response = Response(status=303, headers={"Location": path})
    if flash:
        put_cookie(response, FLASH, flash, LIFETIME)
    return response


def render(template: str, **shown: Any) -> str:
    """Text of the template; raises where it names what is not there."""
    return _environment().get_template(template).render(path=request.path, **shown)


def _finalized(value: object) -> object:
    """What a template shows: text is cleaned, and markup is ours."""
    if value is None:
        raise TypeError("a page shows nothing")
    return readable.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        readable.number,
        readable.money,
        readable.duration,
        readable.size,
        readable.utc,
        readable.clock,
        readable.machine,
        readable.weekday,
    )
    environment.filters.update({each.__name__: each for each in filters} | {"ago": _ago})
    files = static_files()
    environment.globals.update(
        style=files["console.css"], script=files["console.js"], htmx=files[HTMX], icon=files["icon.svg"]
    )
    return environment


def _ago(at: datetime, now: datetime) -> str:
    return readable.ago(at, now)
