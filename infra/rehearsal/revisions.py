"""Revisions of Cloud Run services: one for each template that a service was deployed with."""

import re

from infra.rehearsal.calls import Call, Reply
from infra.rehearsal.store import Store

SERVICE = re.compile(r"/apis/serving\.knative\.dev/v1/namespaces/[^/]+/services(?:/[^/:]+)?")
LIST = re.compile(r"/apis/serving\.knative\.dev/v1/namespaces/[^/]+/revisions")


def answer(call: Call, store: Store) -> Reply | None:
    """List of revisions, the newest first; notes what a service is deployed with, and leaves that answer to others."""
    if call.method in ("POST", "PUT") and SERVICE.fullmatch(call.path):
        _note(call, store)
    if not LIST.fullmatch(call.path):
        return None
    service = call.query.get("labelSelector", "").partition(" = ")[2]
    items = [each for each in store.below("run/revisions") if each["spec"]["service"] == service]
    return Reply({"apiVersion": "v1", "kind": "RevisionList", "items": items[::-1], "metadata": {}})


def _note(call: Call, store: Store) -> None:
    name, template = call.body["metadata"]["name"], call.body["spec"]["template"]
    revisions = [each for each in store.below("run/revisions") if each["spec"]["service"] == name]
    if revisions and revisions[-1]["spec"]["template"] == template:
        return
    made = f"2026-01-01T00:{len(revisions):02}:00Z"
    metadata = {"name": f"{name}-{len(revisions) + 1:05}-abc", "creationTimestamp": made, "namespace": "1"}
    metadata["labels"] = {"serving.knative.dev/service": name}  # type: ignore[assignment]
    ready = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": made}]}
    spec = {"service": name, "template": template, **template["spec"]}
    revision = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": metadata, "status": ready}
    store.resources[f"run/revisions/{metadata['name']}"] = {**revision, "spec": spec}
