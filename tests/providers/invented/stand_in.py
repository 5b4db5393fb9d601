"""Answers as Aqua's API does: two lines a page, an account behind each key. A refusal repeats it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from localcloud.wire.listener import HttpAnswer, HttpRequest, Listener

KEY = "aqua-admin-" + "4f" * 16
PAGE_LINES = 2
REPORTS: Mapping[str, list[dict[str, str]]] = {
    "/v1/usage": [
        {"project_id": "p1", "product": "small", "quantity": "1000", "unit": "requests"},
        {"project_id": "p1", "product": "large", "quantity": "20.5", "unit": "hours"},
        {"project_id": "p2", "product": "large", "quantity": "3", "unit": "hours"},
    ],
    "/v1/costs": [
        {"project_id": "p1", "product": "small", "amount": "0.125", "currency": "EUR"},
        {"project_id": "p1", "product": "large", "amount": "41", "currency": "EUR"},
        {"project_id": "p2", "product": "large", "amount": "6.000000001", "currency": "EUR"},
    ],
    "/v1/costs/total": [{"amount": "47.125000001", "currency": "EUR"}],
}


@dataclass
class StandIn:
    """The server; `keys` says by each key that is known in which region its account is."""

    url: str = ""
    keys: dict[str, str] = field(default_factory=lambda: {KEY: "eu"})

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """A page of a report, or a refusal."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        asked = {name: values[0] for name, values in parse_qs(request.query).items()}
        if key not in self.keys:
            return _refusal(401, "invalid_api_key", f"Incorrect API key provided: {key}.")
        if asked.get("region") != self.keys[key] or "date" not in asked:
            return _refusal(400, "invalid_request", f"The account is in {self.keys[key]}.")
        first = int(asked.get("page", "0"))
        lines, following = REPORTS[request.path], first + PAGE_LINES
        more = following < len(lines)
        page = {"data": lines[first:following], "has_more": more, "next_page": str(following) if more else None}
        return _json(200, page)


def _refusal(status: int, code: str, message: str) -> HttpAnswer:
    return _json(status, {"error": {"code": code, "message": message}})


def _json(status: int, body: Mapping[str, Any]) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(body).encode())


@contextmanager
def running() -> Iterator[StandIn]:
    """The stand-in on a free port."""
    stand_in = StandIn()
    listener = Listener(stand_in.answer, 0)
    stand_in.url = listener.url
    listener.start()
    try:
        yield stand_in
    finally:
        listener.stop()
