"""The trace that a request belongs to, from the headers that Google's front end sets, in Cloud Logging's fields.

Anyone may send these headers, so whatever is not exactly of their form is ignored.
"""

import re

from werkzeug.datastructures import Headers

# https://www.w3.org/TR/trace-context/: a later version may append fields, and ff is no version
_W3C = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
_W3C_LATER = re.compile(r"(?!ff|00)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}-[\w.-]{1,200}", re.ASCII)
_GOOGLE = re.compile(r"([0-9a-f]{32})(?:/([0-9]{1,20}))?(?:;o=([0-9]))?", re.ASCII)
_SAMPLED = 1


def trace_fields(headers: Headers, project: str) -> dict[str, object]:
    """Fields of trace, span and whether it is sampled; empty where no header has them."""
    context = _w3c(headers.get("traceparent", "")) or _google(headers.get("X-Cloud-Trace-Context", ""))
    if context is None:
        return {}
    trace, span, sampled = context
    fields: dict[str, object] = {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{trace}",
        "logging.googleapis.com/trace_sampled": sampled,
    }
    return fields | ({"logging.googleapis.com/spanId": span} if span else {})


def _w3c(text: str) -> tuple[str, str, bool] | None:
    match = _W3C.fullmatch(text[:55] if _W3C_LATER.fullmatch(text) else text)
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    return match[1], match[2], bool(int(match[3], 16) & _SAMPLED)


def _google(text: str) -> tuple[str, str, bool] | None:
    """`TRACE/SPAN;o=OPTIONS`, the span a decimal of 64 bits."""
    match = _GOOGLE.fullmatch(text)
    if match is None or not int(match[1], 16):
        return None
    span = int(match[2] or 0)
    if span >= 2**64:
        return None
    return match[1], f"{span:016x}" if span else "", bool(int(match[3] or 0) & _SAMPLED)
