"""Forms that a page of ours sends: read as text, and only from a page of ours."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from flask import request

from cloudact.error_codes import Code
from functions.console.collaborators import Console
from functions.console.sessions import Session
from functions.web import bodies
from functions.web.problems import Problem, bad_request

TOKEN = "form_token"  # noqa: S105 - the name of a field
_URLENCODED = "application/x-www-form-urlencoded"
_MOST_FIELDS = 30


def read_form(console: Console, session: Session, most_fields: int = _MOST_FIELDS) -> Mapping[str, str]:
    """Fields of the form of somebody who is signed in. Raises 403 for a form that no page of this session has sent."""
    fields = read_open_form(most_fields)
    if not console.signer.is_token("form", session.id, fields.get(TOKEN, "")):
        raise _foreign()
    return {name: text for name, text in fields.items() if name != TOKEN}


def read_open_form(most_fields: int = _MOST_FIELDS) -> Mapping[str, str]:
    """Fields of a form that anybody may send from a page of ours; spaces around them are left out."""
    if not _from_our_page():
        raise _foreign()
    if request.mimetype != _URLENCODED:
        raise bad_request("The body must be a form.", Code.BODY_INVALID)
    try:
        text = bodies.read(request).decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=most_fields)
    except ValueError as err:
        raise bad_request("The form cannot be read.", Code.BODY_INVALID) from err
    if len({name for name, _ in pairs}) != len(pairs):
        raise bad_request("A field stands twice in the form.", Code.BODY_INVALID)
    return {name: text.strip() for name, text in pairs}


def _from_our_page() -> bool:
    """Whether the browser says so, by Sec-Fetch-Site or, where it is too old for that, by Origin.

    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    return urlsplit(request.headers.get("Origin", "")).netloc == request.host


def _foreign() -> Problem:
    detail = "This form does not come from a page of your session. Please open the page anew, and send it from there."
    return Problem(403, detail, code=Code.FORM_FOREIGN)
