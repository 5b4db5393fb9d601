"""JSON ⇄ protobuf at the door: HTTP pieces become the method's request message, answers become JSON.

As strict as Google: an unknown field is 400 `Invalid JSON payload received`, not ignored.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf import json_format

from localcloud.google_apis.rest.errors import InvalidArgument
from localcloud.google_apis.rest.routes import Route

_BOOLEANS = {"true": True, "false": False}


def request_message(route: Route, path_fields: Mapping[str, str], query: str, body: bytes) -> Any:
    """The request of a method, assembled from body, query and path as `google.api.http` says.

    Raises InvalidArgument for malformed JSON, an unknown field or a value of the wrong type.
    """
    fields = _body_fields(route, body)
    for name, value in parse_qsl(query, keep_blank_values=True):
        if not name.startswith("$"):  # $alt and friends steer the encoding, they are not fields
            _put(fields, name, _BOOLEANS.get(value, value))
    for name, value in path_fields.items():
        _put(fields, name, value)
    return _parse(route.request_type, fields)


def answer_json(message: Any, query: str) -> dict[str, Any]:
    """A response as JSON; enums are names, or numbers for `$alt=json;enum-encoding=int` (what clients ask)."""
    numbers = "enum-encoding=int" in dict(parse_qsl(query)).get("$alt", "")
    answer: dict[str, Any] = json_format.MessageToDict(protobuf_of(message), use_integers_for_enums=numbers)
    return answer


def protobuf_of(message: Any) -> Any:
    """The protobuf under a proto-plus message; a protobuf is returned as it is."""
    wrap = getattr(type(message), "pb", None)
    return wrap(message) if wrap else message


def _body_fields(route: Route, body: bytes) -> dict[str, Any]:
    if not route.body_field or not body:
        return {}
    try:
        content = json.loads(body)
    except ValueError as err:
        raise InvalidArgument(f"Invalid JSON payload received. {err}") from err
    if not isinstance(content, dict):
        raise InvalidArgument("Invalid JSON payload received. Expected an object.")
    return content if route.body_field == "*" else {route.body_field: content}


def _put(fields: dict[str, Any], dotted_name: str, value: object) -> None:
    *parents, last = dotted_name.split(".")
    for parent in parents:
        fields = fields.setdefault(parent, {})
    if isinstance(fields.get(last), list):
        fields[last].append(value)
    else:
        fields[last] = value


def _parse(request_type: type[Any], fields: dict[str, Any]) -> Any:
    wrapped = hasattr(request_type, "wrap")
    message = request_type.pb()() if wrapped else request_type()
    try:
        json_format.ParseDict(fields, message)
    except json_format.ParseError as err:
        raise InvalidArgument(f"Invalid JSON payload received. {err}") from err
    return request_type.wrap(message) if wrapped else message
