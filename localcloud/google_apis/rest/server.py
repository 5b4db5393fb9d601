"""From an HTTP request to a method of a stand-in and back; faults and counting happen here, on the wire."""

import json
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from infra.discovery.check import NotDescribed, check
from infra.discovery.sent import NotWellFormed, Sent
from localcloud.google_apis.rest.errors import ApiError, InvalidArgument, NotFound, Unimplemented, envelope
from localcloud.google_apis.rest.faults import Fault, Faults
from localcloud.google_apis.rest.messages import answer_json, request_message
from localcloud.google_apis.rest.routes import Route, routes_of
from localcloud.wire.listener import HttpAnswer, HttpRequest
from localcloud.wire.traffic import Traffic

LocalEndpoint = Callable[[HttpRequest], object]  # takes a request, returns what json.dumps takes


@dataclass(frozen=True)
class Api:
    """One Google service: the client's REST transport, and the object whose snake_case methods answer it.

    Several objects may share a transport; a method none of them has is answered 501. Where `tells_headers`, its methods
    get the request's headers too.
    """

    name: str
    transport: type[Any]
    implementation: object
    check_caller: Callable[[Message], None] = lambda _headers: None
    tells_headers: bool = False


@dataclass(frozen=True)
class _Endpoint:
    api: Api
    route: Route
    handler: Callable[..., Any] | None

    @property
    def label(self) -> str:
        return f"{self.api.name}.{self.route.method}"


class RestServer:
    """Answers requests to Google's APIs and to our own `/local/…` endpoints."""

    def __init__(
        self,
        apis: Iterable[Api],
        local_endpoints: Mapping[tuple[str, str], LocalEndpoint],
        faults: Faults,
        traffic: Traffic,
    ) -> None:
        endpoints = [endpoint for api in apis for endpoint in _endpoints(api)]
        # Implemented ones first: the same path may belong to several transports (operations do).
        self._endpoints = sorted(endpoints, key=lambda endpoint: endpoint.handler is None)
        self._local = local_endpoints
        self._faults = faults
        self._traffic = traffic

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """The answer to a request; None when an injected fault loses it."""
        local = self._local.get((request.verb, request.path))
        if local:
            return _guarded(lambda: _call_local(local, request))
        found = self._find(request)
        if not found:
            return _failure(NotFound(f"No route {request.verb} {request.path}"))
        return self._answer_counted(*found, request)

    def _find(self, request: HttpRequest) -> tuple[_Endpoint, dict[str, str]] | None:
        for endpoint in self._endpoints:
            path_fields = endpoint.route.match(request.verb, request.path)
            if path_fields is not None:
                return endpoint, path_fields
        return None

    def _answer_counted(
        self, endpoint: _Endpoint, path_fields: dict[str, str], request: HttpRequest
    ) -> HttpAnswer | None:
        fault = self._faults.strike(endpoint.api.name, endpoint.route.method)
        answer = _answer_with(fault, lambda: _call(endpoint, path_fields, request))
        self._traffic.count(endpoint.label, str(answer.status) if answer else "lost")
        return answer


def _endpoints(api: Api) -> Iterator[_Endpoint]:
    for route in routes_of(api.transport):
        yield _Endpoint(api, route, getattr(api.implementation, _snake_case(route.method), None))


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _answer_with(fault: Fault | None, call: Callable[[], HttpAnswer]) -> HttpAnswer | None:
    """The call under a fault: refused before its effect, lost after its effect, or late."""
    if fault is None:
        return call()
    if fault.kind == "error":
        return _injected(fault.status or 503)
    time.sleep(fault.delay_s)
    answer = call()
    if fault.kind == "lost_reply":
        return _injected(fault.status) if fault.status else None
    return answer


def _call(endpoint: _Endpoint, path_fields: dict[str, str], request: HttpRequest) -> HttpAnswer:
    def effect() -> object:
        if endpoint.handler is None:
            raise Unimplemented(f"{endpoint.label} is not part of the local cloud.")
        endpoint.api.check_caller(request.headers)
        _check_schema(request)
        message = request_message(endpoint.route, path_fields, request.query, request.body)
        told = (request.headers,) if endpoint.api.tells_headers else ()
        return answer_json(endpoint.handler(message, *told), request.query)

    return _guarded(effect)


def _check_schema(request: HttpRequest) -> None:
    try:
        check(Sent(request.verb, request.path, request.query, request.body))
    except NotDescribed as err:
        raise NotFound(str(err)) from err
    except NotWellFormed as err:
        raise InvalidArgument(str(err)) from err


def _call_local(endpoint: LocalEndpoint, request: HttpRequest) -> object:
    try:
        return endpoint(request)
    except ValueError as err:  # what it says of a malformed body
        raise InvalidArgument(str(err)) from err


def _guarded(effect: Callable[[], object]) -> HttpAnswer:
    try:
        return HttpAnswer(200, json.dumps(effect()).encode())
    except ApiError as err:
        return _failure(err)
    except Exception as err:  # an entry point: a bug of the stand-in must be seen, and answered
        traceback.print_exc()
        return _failure(ApiError(f"The local cloud failed: {err!r}"))


def _failure(err: ApiError) -> HttpAnswer:
    body = envelope(err.http_status, err.message, err.status_name, err.details)
    return HttpAnswer(err.http_status, json.dumps(body).encode())


def _injected(status: int) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(envelope(status, "Injected by /local/faults.")).encode())
