"""The OpenAPI 3.1 document, made from the endpoints and the shapes they read and answer with."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus

from flask import Response, request
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cloudact.json_types import Json, JsonObject
from cloudact.orgs.org import SLUG
from functions.web.answers import ProblemDocument
from functions.web.endpoints import Endpoint, Function
from functions.web.inputs import Input, names_of
from functions.web.problems import PROBLEM_JSON
from functions.web.refusals import codes_by_status

_REFERENCE = "#/components/schemas/{model}"
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
_REFUSED: Mapping[int, str] = {
    400: "A field, the slug or the credentials cannot be understood; the sentence names it",
    401: "No credential, or none that is valid",
    403: "Another organization's credential, a role that may not, or a subscription that is not active",
    404: "There is no such thing, or not for this organization",
    408: "The body did not arrive in time",
    409: "The state of the run or of the organization forbids it",
    412: "It is not what If-Match names any more",
    413: "The body is larger than 256 KiB",
    415: "The body is not JSON",
    429: "The day's quota is used up, or too much was asked lately, of which `code` tells what",
    500: "Unforeseen; `request_id` finds it in the logs",
    503: "Something we depend on cannot be reached, or many bodies come slowly; nothing was done. Send the same again",
}
_PARTS: Mapping[str, Mapping[str, Json]] = {
    "org": {"schema": {"type": "string", "pattern": f"^{SLUG.pattern}$"}, "example": "acmecorp"},
    "run_id": {"schema": {"type": "string", "format": "uuid"}, "example": "f3b6c1de-6b0f-5f43-9d0c-3a9a34c7f1a2"},
    "provider": {"schema": {"type": "string", "pattern": "^[a-z]{1,50}$"}, "example": "gcp"},
    "domain": {"schema": {"type": "string", "pattern": "^[a-z_]{1,50}$"}, "example": "cost"},
    "pipeline": {"schema": {"type": "string", "pattern": "^[a-z0-9_]{1,50}$"}, "example": "billing"},
    "code": {"schema": {"type": "string", "pattern": "^[a-z_']{1,64}$"}, "example": "quota_exceeded"},
    "fingerprint": {"schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"}, "example": "0123456789abcdef"},
    "user_id": {
        "schema": {"type": "string", "pattern": r"^(?!(?:[^/]*/)*\.{1,2}(?:/|$))[!-~]{1,128}$"},
        "example": "user-42",
    },
}
_HEADERS: JsonObject = {
    "X-Bytes-Processed": {
        "description": "by the query that has answered; 0 where the loads are those of an answer that was kept",
        "schema": {"type": "integer"},
    },
    "X-Request-ID": {"description": "yours, if it matches [\\w.-]{1,128}", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "the file's name", "schema": {"type": "string"}},
    "ETag": {"description": "equal for equal answers", "schema": {"type": "string"}},
    "Location": {"description": "the run's detail", "schema": {"type": "string"}},
    "Preference-Applied": {
        "description": "`wait=25`: Prefer was heeded; without it, Retry-After says when to ask again",
        "schema": {"type": "string"},
    },
    "RateLimit": {"description": "what is left of the UTC day", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "what a UTC day allows", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "the credentials that are accepted", "schema": {"type": "string"}},
}
_REFUSAL_HEADERS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def answer_document(function: Function, text: str) -> Response:
    """200 with the document, or 304 to whoever has it; clients may keep it as long as `function.cached` says."""
    answer = Response(text, content_type="application/json")
    answer.headers["Cache-Control"] = function.cached
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def document(function: Function, endpoints: Sequence[Endpoint], provider_ids: Sequence[str] = ()) -> JsonObject:
    """The OpenAPI 3.1 document of the endpoints; providers with these ids have codes of their own."""
    paths: dict[str, JsonObject] = {}
    endpoints = [endpoint.imported() for endpoint in endpoints]
    for endpoint in endpoints:
        for number, path in enumerate(paths_of(endpoint)):
            operation = _operation(function, endpoint, path, number, provider_ids)
            paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": function.title, "version": "1", "description": function.description},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": _schemas(endpoints), "securitySchemes": dict(function.security), "headers": _HEADERS},
    }


def paths_of(endpoint: Endpoint) -> list[str]:
    """The endpoint's paths as OpenAPI writes them."""
    forms = endpoint.documented or (_PART.sub(r"{\1}", endpoint.path),)
    return [base + form for base in endpoint.bases for form in forms]


def _operation(
    function: Function, endpoint: Endpoint, path: str, number: int, provider_ids: Sequence[str]
) -> JsonObject:
    codes = codes_by_status(endpoint.all_refusals(function.of_callers), provider_ids)
    operation: JsonObject = {
        "operationId": endpoint.name if number == 0 else f"{endpoint.name}_{number + 1}",
        "summary": endpoint.summary,
        "parameters": [*_path_parameters(path), *_query_parameters(endpoint.query), *_header_parameters(endpoint)],
        "responses": dict(_responses(endpoint, {**_REFUSED, **function.refused}, codes)),
        "security": [] if endpoint.public else [{scheme: []} for scheme in function.security],
    }
    if endpoint.body:
        schema = {"$ref": _REFERENCE.format(model=endpoint.body.__name__)}
        content: JsonObject = {"application/json": {"schema": {**schema}}}
        for media_type in endpoint.other_bodies:
            content[media_type] = {"schema": {"type": "string"}}
        required = any(each.is_required() for each in endpoint.body.model_fields.values())
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _path_parameters(path: str) -> Iterator[JsonObject]:
    for part in re.findall(r"{(\w+)}", path):
        yield {"name": part, "in": "path", "required": True, **_PARTS.get(part, {"schema": {"type": "string"}})}


def _query_parameters(query: type[Input] | None) -> Iterator[JsonObject]:
    if query is None:
        return
    schemas = query.model_json_schema(by_alias=False)["properties"]
    for field, info in query.model_fields.items():
        schema = {key: value for key, value in schemas[field].items() if key not in ("title", "description", "default")}
        for number, name in enumerate(names_of(field, info)):
            other: JsonObject = {"description": f"another name of {field}"} if number else {}
            described: JsonObject = {"description": info.description} if info.description else {}
            named: JsonObject = {
                "name": name,
                "in": "query",
                "required": info.is_required(),
                "schema": _not_null(schema),
            }
            yield {**named, **described, **other}


def _not_null(schema: JsonObject) -> JsonObject:
    """The schema without null: a filter of a query string has a value or is left out."""
    any_of = schema.get("anyOf")
    kinds: list[JsonObject] = (
        [kind for kind in any_of if isinstance(kind, dict) and kind != {"type": "null"}]
        if isinstance(any_of, list)
        else []
    )
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kinds[0], **rest} if kinds else schema


def _header_parameters(endpoint: Endpoint) -> Iterator[JsonObject]:
    if endpoint.conditional:
        yield {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
    if endpoint.guarded:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "ETag of what the request means to replace",
            "schema": {"type": "string"},
        }
    if endpoint.waits:
        yield {
            "name": "Prefer",
            "in": "header",
            "required": False,
            "description": "`wait=25` (RFC 7240): seconds to hold the answer back while it is what If-None-Match names",
            "schema": {"type": "string"},
        }


def _responses(
    endpoint: Endpoint, refused: Mapping[int, str], codes: Mapping[int, Sequence[str]]
) -> Iterator[tuple[str, Json]]:
    for status, answer in endpoint.answers.items():
        schema = {"$ref": _REFERENCE.format(model=answer.__name__)}
        names = [*endpoint.headers, *(["ETag"] if endpoint.conditional else []), *_waiting(endpoint)]
        yield str(status), _response(HTTPStatus(status).phrase, "application/json", schema, names)
    if endpoint.files:
        content: JsonObject = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in endpoint.files}
        yield "200", {"description": "A file", "headers": _headers(endpoint.headers), "content": content}
    if endpoint.conditional:
        yield "304", {"description": "It is what If-None-Match names", "headers": _headers(_waiting(endpoint))}
    for status in codes:
        headers = _REFUSAL_HEADERS.get(status, ())
        yield str(status), _response(refused[status], PROBLEM_JSON, _problem(codes[status]), headers)


def _waiting(endpoint: Endpoint) -> Sequence[str]:
    return ("Preference-Applied", "Retry-After") if endpoint.waits else ()


def _problem(codes: Sequence[str]) -> JsonObject:
    """The schema of a problem document with one of these codes, as far as is known today."""
    reference = _REFERENCE.format(model="ProblemDocument")
    return {"$ref": reference, "properties": {"code": {"type": "string", "examples": [*codes]}}}


def _response(description: str, media_type: str, schema: Json, headers: Iterable[str]) -> JsonObject:
    return {"description": description, "headers": _headers(headers), "content": {media_type: {"schema": schema}}}


def _headers(names: Iterable[str]) -> JsonObject:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}


def _schemas(endpoints: Iterable[Endpoint]) -> JsonObject:
    models: list[type[BaseModel]] = [ProblemDocument]
    for endpoint in endpoints:
        models += [*endpoint.answers.values(), *([endpoint.body] if endpoint.body else [])]
    unique = [(model, "validation") for model in dict.fromkeys(models)]
    _, schemas = models_json_schema(unique, ref_template=_REFERENCE)  # type: ignore[arg-type]
    return dict(schemas["$defs"])
