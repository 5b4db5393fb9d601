"""Reads bodies and query strings strictly: what is not understood is refused by name, never ignored."""

import datetime as dt
import json
import re
from collections.abc import Collection, Iterable, Mapping

from flask import Request
from werkzeug.datastructures import MultiDict

from cloudact.error_codes import Code
from cloudact.json_types import Json, JsonObject, is_text
from cloudact.runs.run import FIRST_DATE
from functions.web import bodies
from functions.web.problems import Problem, bad_field, bad_request

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def body_object(request: Request, allowed: Iterable[str]) -> Mapping[str, object]:
    """The JSON object of the body with only the allowed fields; empty without a body. Raises 400 or 415."""
    text = _text(request)
    if not text:
        return {}
    body = _json(text)
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.", Code.BODY_INVALID)
    only_known(body, allowed)
    return body


def no_query(request: Request) -> None:
    """Raises 400 naming the parameters of a query string that should have none."""
    only_known(request.args, allowed=())


def no_body(request: Request) -> None:
    """Raises 400 or 415 for a body that is more than an empty JSON object."""
    body_object(request, allowed=())


def no_input(request: Request) -> None:
    """Raises 400 or 415 for any query parameter or body."""
    no_query(request)
    no_body(request)


def _text(request: Request) -> bytes:
    """The body, unless its type is another than JSON: that is refused unread where the headers tell it."""
    other = request.mimetype != "application/json"
    if other and (request.content_length or (request.mimetype and bodies.announced(request))):
        raise _not_json()
    text = bodies.read(request)
    if other and text:
        raise _not_json()
    return text


def _not_json() -> Problem:
    return Problem(415, "The body must be JSON with Content-Type: application/json.", code=Code.BODY_NOT_JSON)


def _json(text: bytes) -> Json:
    try:  # JSON between systems is UTF-8; the parser would take UTF-16 too
        body: Json = json.loads(text.decode(), object_pairs_hook=_each_once, parse_constant=_no_number)
        whole = is_text(body)
    except (ValueError, RecursionError) as err:
        raise bad_request("The body is not valid JSON.", Code.BODY_INVALID) from err
    if not whole:
        raise bad_request("The body holds half of a surrogate pair, which is no character.", Code.BODY_INVALID)
    return body


def _no_number(name: str) -> None:
    """Refuses `NaN` and `Infinity`, which Python reads though JSON has neither."""
    raise ValueError(name)


def _each_once(pairs: list[tuple[str, Json]]) -> JsonObject:
    """The pairs as a dict. Raises 400 for a name that stands twice, of which JSON parsers keep the last."""
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise bad_request("A field stands twice in the body; give it once.", Code.BODY_INVALID)
    return dict(pairs)


def only_known(fields: Mapping[str, object], allowed: Iterable[str], several: Collection[str] = ()) -> None:
    """Raises 400 naming the fields that are not allowed, or that a query string has twice; `several` it may have."""
    unknown = sorted(set(fields) - set(allowed))
    if unknown:
        names = ", ".join(repr(name[:50]) for name in unknown[:5])
        raise bad_request(f"Unknown field {names}. Allowed: {', '.join(allowed) or 'none'}.", Code.FIELD_UNKNOWN)
    if isinstance(fields, MultiDict):
        twice = sorted(name for name, values in fields.lists() if len(values) > 1 and name not in several)
        if twice:
            raise bad_field(twice[0], "is given more than once")


def runnable(field: str, date: dt.date, today: dt.date) -> dt.date:
    """The date, if a run may load it: 2015-01-01 to today (UTC); else 400 naming the field."""
    if not FIRST_DATE <= date <= today:
        raise bad_field(field, f"must lie between {FIRST_DATE.isoformat()} and today ({today.isoformat()} UTC)")
    return date


def any_date(field: str, text: object) -> dt.date:
    """The calendar day of a text of exactly the form `YYYY-MM-DD`; else 400 naming the field."""
    if isinstance(text, str) and _DATE.fullmatch(text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            pass
    raise bad_field(field, "must be a date written YYYY-MM-DD")
