"""Every problem document that any test gets out of our apps must be one that the OpenAPI of its endpoint lists."""

import json
from collections.abc import Iterator, Mapping, Set
from functools import cache
from threading import Lock
from typing import Any

import flask
import pytest
from flask import request, request_finished

from cloudact.error_codes import ProviderFailure
from functions.ops_routes import OPS, PRIVATE
from functions.routes import PUBLIC, public_document
from functions.web.app import App
from functions.web.endpoints import Endpoint
from functions.web.openapi import document, paths_of
from functions.web.problems import PROBLEM_JSON, TYPE
from functions.web.refusals import NO_ENDPOINT, codes_by_status

ENDPOINTS: Mapping[str, tuple[Endpoint, ...]] = {"api": PUBLIC, "ops": PRIVATE}
Listed = Mapping[int, Set[str]]


class Problems:
    """What apps have answered since the last look, from whatever thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._unlisted: list[str] = []

    def see(self, sender: flask.Flask, response: flask.Response) -> None:
        """Notes a problem document that is not listed; a receiver of Flask's signal `request_finished`."""
        if not isinstance(sender, App) or response.mimetype != PROBLEM_JSON:
            return
        told = response.get_json()
        rule = request.url_rule.rule if request.url_rule else None
        listed = listed_codes(sender.name, request.method, rule).get(response.status_code, set())
        if told["type"] != TYPE.format(code=told["code"]) or not is_listed(told["code"], listed):
            with self._lock:
                self._unlisted.append(f"{sender.name}: {request.method} {rule} answers {json.dumps(told)}")

    def taken(self) -> list[str]:
        """What was noted, once."""
        with self._lock:
            unlisted, self._unlisted = self._unlisted, []
        return unlisted


@cache
def described(function: str) -> Any:
    """The OpenAPI document of a function."""
    return public_document() if function == "api" else document(OPS, PRIVATE)


@cache
def listed_codes(function: str, method: str, rule: str | None) -> Listed:
    """The codes by status that the OpenAPI document lists for a route; for none, those of paths without an endpoint."""
    if rule is None:
        return {status: {*codes} for status, codes in codes_by_status(NO_ENDPOINT, ()).items()}
    method = "GET" if method == "HEAD" else method
    path = next(
        paths_of(each)[0]
        for each in ENDPOINTS[function]
        for base in each.bases
        if (each.method, base + each.path) == (method, rule)
    )
    responses = described(function)["paths"][path][method.lower()]["responses"]
    problems = {int(status): each.get("content", {}).get(PROBLEM_JSON) for status, each in responses.items()}
    return {status: {*each["schema"]["properties"]["code"]["examples"]} for status, each in problems.items() if each}


def is_listed(code: str, listed: Set[str]) -> bool:
    """Whether the code is there; what is listed of one provider is allowed to any other, as to an invented one."""
    families = {f"openai_{failure}": failure for failure in ProviderFailure}
    return code in listed or any(code.endswith(f"_{families[each]}") for each in listed & families.keys())


PROBLEMS = Problems()
request_finished.connect(PROBLEMS.see)


@pytest.fixture(autouse=True)
def problems_are_listed() -> Iterator[None]:
    """Fails a test that got a problem document which the OpenAPI of its endpoint does not list."""
    yield
    assert PROBLEMS.taken() == []
