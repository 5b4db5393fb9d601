"""Files that pages load from us: style sheet, scripts and icon. Each address names the content, so it is kept for good.

The text of a file is compressed once for an instance.
"""

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Response, request

from cloudact.error_codes import Code
from functions.web.problems import Problem

FOLDER = Path(__file__).parent / "static"
BASE = "/console/-/"  # no org has such a slug
HTMX = "htmx-2.0.11.min.js"
HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"  # of the npm package htmx.org
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class StaticFile:
    """A file with its address. `integrity` is what a page tells the browser to compare a script with."""

    content: bytes
    compressed: bytes
    content_type: str
    path: str
    integrity: str
    etag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """All files, by their names in the folder."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return StaticFile(
        content=content,
        compressed=gzip.compress(content, 9, mtime=0),
        content_type=_TYPES[path.suffix],
        path=f"{BASE}{path.stem}-{digest[:12]}{path.suffix}",
        integrity="sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode(),
        etag=digest[:32],
    )


def show_static(name: str) -> Response:
    """200 with the file, compressed where the browser takes that; 404 for any name that no page uses."""
    found = next((each for each in static_files().values() if each.path == BASE + name), None)
    if found is None:
        raise Problem(404, "There is no such file.", code=Code.ENDPOINT_UNKNOWN)
    packed = request.accept_encodings["gzip"] > 0
    response = Response(found.compressed if packed else found.content, content_type=found.content_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.set_etag(found.etag + ("-gz" if packed else ""))
    response.make_conditional(request)
    return response
