"""The recorder: a server on loopback that answers for Google's APIs and writes every request down."""

import gzip
import json
import re
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

from infra.local.wire.listener import HttpAnswer, HttpRequest, Listener
from infra.rehearsal import (
    bigquery,
    bigquery_jobs,
    cloud_build,
    cloud_run,
    policies,
    projects,
    resources,
    revisions,
    storage,
    tokens,
    verbs,
)
from infra.rehearsal.calls import Call, Reply, refusal
from infra.rehearsal.local_stack import LocalStack
from infra.rehearsal.store import Store

APIS = (
    projects.answer,
    policies.answer,
    tokens.answer,
    verbs.answer,
    revisions.answer,
    cloud_run.answer,
    cloud_build.answer,
    bigquery.answer,
    bigquery_jobs.answer,
    storage.answer,
    resources.answer,
)


class Recorder:
    """Keeps `state.json` and appends to `requests.jsonl` in a folder; runs while it is a context."""

    def __init__(self, folder: Path, stack: LocalStack | None = None) -> None:
        self._store = Store(folder / "state.json", stack)
        self._log = folder / "requests.jsonl"
        self._lock = threading.Lock()
        self._listener = Listener(self._answer, port=0)
        self.requests: list[Call] = []
        self.url = self._listener.url

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()
        self._store.save()

    def _answer(self, request: HttpRequest) -> HttpAnswer:
        call = _parsed(request, self.url)
        with self._lock:
            reply = self._reply(call)
            self.requests.append(call)
            self._write(call, reply.status)
        return HttpAnswer(reply.status, reply.content, reply.headers)

    def _reply(self, call: Call) -> Reply:
        """A request that nobody knows fails loudly, and at once: a rehearsal must not pass on a guess."""
        replies = (answer(call, self._store) for answer in APIS)
        known = next((reply for reply in replies if reply is not None), None)
        return known or refusal(400, "INVALID_ARGUMENT", f"The rehearsal does not know {call.method} {call.path}.")

    def _write(self, call: Call, status: int) -> None:
        line = {**asdict(call), "body": _without_secrets(call.body), "status": status}
        del line["url"], line["size"]
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _parsed(request: HttpRequest, url: str) -> Call:
    body = request.body
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    kind = request.headers.get("Content-Type", "")
    parsed, size = _parts(kind, body) if kind.startswith("multipart/") else (_json(body), len(body))
    return Call(request.verb, request.path, dict(parse_qsl(request.query)), parsed, url, size)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return f"{len(body)} bytes"


def _parts(kind: str, body: bytes) -> tuple[Any, int]:
    """An upload: metadata as JSON, then the object. Google's clients quote the boundary in ways of their own."""
    boundary = re.search(r"""boundary=['"]?([^'";]+)""", kind)
    _, metadata, content, _ = body.split(f"--{boundary[1] if boundary else ''}".encode(), 3)
    return _json(_after_head(metadata)), len(_after_head(content))


def _after_head(part: bytes) -> bytes:
    head = re.search(rb"\r?\n\r?\n", part)
    return re.sub(rb"\r?\n\Z", b"", part[head.end() :] if head else part)


def _without_secrets(body: Any) -> Any:
    """What a secret's version holds is nobody's to read here either."""
    if isinstance(body, dict) and "data" in body.get("payload", {}):
        return {**body, "payload": {**body["payload"], "data": "(not recorded)"}}
    return body
