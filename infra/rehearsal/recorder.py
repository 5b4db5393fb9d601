"""The recorder: a server on loopback that answers for Google's APIs and writes every request down."""

import gzip
import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

from infra.discovery.check import NotDescribed, check
from infra.discovery.sent import NotWellFormed, Sent, metadata, parts
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
from infra.rehearsal.value_rules import broken_rules
from localcloud.wire.listener import HttpAnswer, HttpRequest, Listener

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
        sent = _sent(request)
        call = _parsed(sent, self.url)
        with self._lock:
            reply = _refusal(sent, call) or self._reply(call)
            self.requests.append(call)
            self._write(call, reply.status)
        return HttpAnswer(reply.status, reply.content, reply.headers)

    def _reply(self, call: Call) -> Reply:
        """Answer of the first stand-in that knows the request.

        Without one it fails: a rehearsal must not pass on a guess.
        """
        replies = (answer(call, self._store) for answer in APIS)
        known = next((reply for reply in replies if reply is not None), None)
        return known or refusal(400, "INVALID_ARGUMENT", f"The rehearsal does not know {call.method} {call.path}.")

    def _write(self, call: Call, status: int) -> None:
        line = {**asdict(call), "body": _without_secrets(call.body), "status": status}
        del line["url"], line["size"]
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _sent(request: HttpRequest) -> Sent:
    body = request.body
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return Sent(request.verb, request.path, request.query, body, request.headers.get("Content-Type", ""))


def _refusal(sent: Sent, call: Call) -> Reply | None:
    """Refusal of a request that no schema describes, or with a value out of bounds, whatever exists already."""
    try:
        method = check(sent)
    except NotDescribed as err:
        return refusal(404, "NOT_FOUND", str(err))
    except NotWellFormed as err:
        return refusal(400, "INVALID_ARGUMENT", str(err))
    broken = broken_rules(method.name, call) if method else []
    return refusal(400, "INVALID_ARGUMENT", "\n".join(broken)) if broken else None


def _parsed(sent: Sent, url: str) -> Call:
    size = len(parts(sent)[1] if sent.is_multipart else sent.body)
    return Call(sent.verb, sent.path, dict(parse_qsl(sent.query)), _json(sent), url, size)


def _json(sent: Sent) -> Any:
    try:
        return metadata(sent)
    except NotWellFormed:
        return f"{len(sent.body)} bytes"


def _without_secrets(body: Any) -> Any:
    """Copy of the body without the payload of a secret's version, which must not be written down."""
    if isinstance(body, dict) and "data" in body.get("payload", {}):
        return {**body, "payload": {**body["payload"], "data": "(not recorded)"}}
    return body
