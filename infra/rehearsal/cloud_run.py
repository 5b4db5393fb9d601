"""Cloud Run in the shape that gcloud uses, Knative's. Services and jobs are ready at once, executions succeed."""

import re

from infra.rehearsal.calls import Call, Json, Reply, missing
from infra.rehearsal.projects import NUMBER
from infra.rehearsal.store import Store

PATH = re.compile(
    r"/apis/(?:run\.googleapis\.com|serving\.knative\.dev)/v1/namespaces/[^/]+"
    r"/(?P<kind>services|jobs|executions|revisions|configurations|routes)(?:/(?P<name>[^/:]+))?(?P<verb>:run|:cancel)?"
)
AT = "2026-01-01T00:00:00Z"
CONDITIONS = {
    "jobs": ("Ready",),
    "services": ("Ready", "ConfigurationsReady", "RoutesReady"),
    "executions": ("Completed", "ResourcesAvailable", "Started", "ContainerReady"),
}
KINDS = {"executions": "Execution", "jobs": "Job", "services": "Service"}


def answer(call: Call, store: Store) -> Reply | None:
    """Answer of the v1 API of Cloud Run."""
    if not (match := PATH.fullmatch(call.path)):
        return None
    kind = match["kind"]
    collection = f"run/{kind}"  # of the one project, which gcloud calls by its id or its number
    name = match["name"] or (call.body or {}).get("metadata", {}).get("name")
    if match["verb"] == ":run":
        return Reply(_execution(store, name))
    if call.method in ("POST", "PUT"):
        store.resources[f"{collection}/{name}"] = _ready(
            store, kind, call.body, store.resources.get(f"{collection}/{name}")
        )
    elif call.method == "DELETE":
        store.resources.pop(f"{collection}/{name}", None)
        return Reply({})
    elif name is None:
        listed = [each for each in store.below(collection) if _is_asked_for(each, call)]
        return Reply({"apiVersion": "v1", "kind": f"{KINDS.get(kind, 'Item')}List", "items": listed, "metadata": {}})
    held = store.resources.get(f"{collection}/{name}")
    return Reply(held) if held else missing(f"{kind} {name}")


def _is_asked_for(resource: Json, call: Call) -> bool:
    label, _, value = call.query.get("labelSelector", "").partition(" = ")
    return not label or resource["metadata"]["labels"].get(label) == value


def _ready(store: Store, kind: str, body: Json, before: Json | None) -> Json:
    generation = int(before["metadata"]["generation"]) + 1 if before else 1
    labels = {"cloud.googleapis.com/location": "us-central1", **body["metadata"].get("labels", {})}
    annotations = {
        "uid": "u-1",
        "generation": generation,
        "creationTimestamp": AT,
        "resourceVersion": "A",
        "namespace": NUMBER,
    }
    metadata = {**body["metadata"], **annotations, "labels": labels}
    metadata["selfLink"] = f"/apis/serving.knative.dev/v1/namespaces/{NUMBER}/{kind}/{metadata['name']}"
    conditions = [{"type": each, "status": "True", "lastTransitionTime": AT} for each in CONDITIONS[kind]]
    status: Json = {"observedGeneration": generation, "conditions": conditions}
    if kind == "services":
        body["spec"].setdefault("traffic", [{"percent": 100, "latestRevision": True}])
        status |= _served(store, metadata["name"], generation, body["spec"]["traffic"])
    return {**body, "metadata": metadata, "status": status}


def _served(store: Store, name: str, generation: int, wanted: list[Json]) -> Json:
    local = store.stack.urls.get(name) if store.stack else None
    url, revision = local or f"https://{name}-rehearsal-uc.a.run.app", f"{name}-{generation:05}-abc"
    traffic = [{"revisionName": revision, **each} for each in wanted]
    latest = {"latestReadyRevisionName": revision, "latestCreatedRevisionName": revision}
    return {"url": url, "address": {"url": url}, "traffic": traffic, **latest}


def _execution(store: Store, job: str) -> Json:
    collection = "run/executions"
    name = f"{job}-{len(store.below(collection)) + 1:05}"
    template = store.resources[f"run/jobs/{job}"]["spec"]["template"]
    metadata = {"name": name, "labels": {"run.googleapis.com/job": job}}
    kind = {"apiVersion": "run.googleapis.com/v1", "kind": "Execution"}
    execution = _ready(store, "executions", {**kind, "metadata": metadata, "spec": template["spec"]}, None)
    execution["status"] |= {"startTime": AT, "completionTime": AT, "succeededCount": 1, "logUri": "http://127.0.0.1/"}
    store.resources[f"{collection}/{name}"] = execution
    return execution
