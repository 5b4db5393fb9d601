"""Faults on demand: what goes wrong with an answer, on the wire or in its cursor."""

import gzip
import re
import time
from collections.abc import Callable
from typing import Any, Self

from pydantic import Field, model_validator

from localcloud.providers import exact_json
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body, Refused, Vendor
from localcloud.wire.faults import Rule, Rules
from localcloud.wire.listener import HttpAnswer, Sending

KINDS = ("status", "truncate", "reset", "html", "delay_s", "null_cursor", "same_cursor", "gzip")


class Fault(Rule):
    """One rule, as posted to `/local/faults`; exactly one of KINDS.

    path_regex: searched in the path with its query, so that `page=` finds the pages after the first. status: with
    the vendor's own words, or `body` (any JSON) or `text` (of no kind); `headers` come beside its own, `retry_after`
    as it is. html: 200 or 502 with a web page. delay_s: late, then right. null_cursor: more is promised, without a
    cursor. same_cursor: a page after the first promises more with the cursor it was asked with. gzip: compressed so
    many times, and `Content-Encoding` says so.
    """

    method: str = ".*"
    path_regex: str
    times: int | None = Field(default=1, ge=1)
    status: int | None = Field(default=None, ge=400, le=599)
    body: Any = None
    text: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after: str | int | None = None
    truncate: bool = False
    reset: bool = False
    html: int | None = None
    delay_s: float | None = Field(default=None, gt=0, le=600)
    null_cursor: bool = False
    same_cursor: bool = False
    gzip: int | None = Field(default=None, ge=1, le=3)

    @model_validator(mode="after")
    def _has_one_kind(self) -> Self:
        if len([kind for kind in KINDS if getattr(self, kind)]) != 1:
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}")
        return self

    def concerns(self, place: str, method: str) -> bool:
        """`place` is the path with its query."""
        fits = re.fullmatch(self.method, method) and re.search(self.path_regex, place)
        return bool(fits) and (not self.same_cursor or _page_of(place) is not None)


Faults = Rules[Fault]


def answer_with(fault: Fault | None, place: str, vendor: Vendor, call: Callable[[], Body]) -> HttpAnswer:
    """The answer of `call` to `place`, as the fault has it. Raises what `call` raises, and the fault's `Refused`."""
    if fault is None:
        return whole(call())
    if fault.status and fault.text is not None:
        return HttpAnswer(fault.status, fault.text.encode(), {"Content-Type": "text/plain", **fault.headers})
    if fault.status:
        raise _refused(fault, vendor)
    if fault.html:
        return HttpAnswer(fault.html, _HTML, {"Content-Type": "text/html"})
    if fault.reset:
        return HttpAnswer(0, b"", sending=Sending.RESET)
    time.sleep(fault.delay_s or 0)
    if fault.truncate:
        return HttpAnswer(200, exact_json.dumps(call()), sending=Sending.HALF)
    if fault.gzip:
        return _compressed(exact_json.dumps(call()), fault.gzip)
    return whole(_with_cursor(fault, place, call()))


def whole(body: Body) -> HttpAnswer:
    """200."""
    return HttpAnswer(200, exact_json.dumps(body))


def _compressed(body: bytes, layers: int) -> HttpAnswer:
    for _ in range(layers):
        body = gzip.compress(body)
    return HttpAnswer(200, body, {"Content-Encoding": ", ".join(["gzip"] * layers)})


def _refused(fault: Fault, vendor: Vendor) -> Refused:
    refused = vendor.failure(fault.status or 500)
    wait = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    body = refused.body if fault.body is None else fault.body
    return Refused(refused.status, body, {**refused.headers, **fault.headers, **wait})


def _with_cursor(fault: Fault, place: str, body: Body) -> Body:
    if fault.null_cursor:
        return {**body, "has_more": True, "next_page": None}
    if fault.same_cursor:
        return {**body, "has_more": True, "next_page": _page_of(place)}
    return body


def _page_of(place: str) -> str | None:
    return Parameters(place.partition("?")[2]).one("page")


_HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
