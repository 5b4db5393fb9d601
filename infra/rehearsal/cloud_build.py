"""Cloud Build: a build is over at once and has pushed what it names. The digest is made of the image's name."""

import hashlib
import re

from infra.rehearsal.calls import Call, Json, Reply
from infra.rehearsal.store import Store

BUILD = "type.googleapis.com/google.devtools.cloudbuild.v1.Build"
OF = re.compile(
    r"(?P<region>[\w-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repo>[^/]+)/(?P<package>[^:]+):?(?P<tag>.*)"
)


def answer(call: Call, store: Store) -> Reply | None:
    """Answer for submitted builds, and those of functions from source."""
    if call.name.endswith("/builds") and call.method == "POST":
        return _operation(_finished(call, store, call.body))
    if call.name.endswith("/builds:submit"):
        build = _finished(call, store, {"images": [call.body["imageUri"]]})
        body = _operation(build).body
        return Reply({"buildOperation": body, "baseImageUri": "python313"})
    if call.name.endswith("/triggers") and call.method == "POST":
        return _trigger(call, store)
    if call.name.endswith("/builds"):
        return Reply({"builds": [store.resources["build"]] if "build" in store.resources else []})
    if re.search(r"/builds/[^/]+$", call.name):
        return Reply(store.resources["build"])
    return _operation(store.resources["build"]) if re.search(r"operations/(build/|b-1$)", call.name) else None


def _trigger(call: Call, store: Store) -> Reply:
    name = f"{call.name}/{call.body['name']}"
    store.resources[name] = {**call.body, "id": call.body["name"], "resourceName": name}
    return Reply(store.resources[name])


def _operation(build: Json) -> Reply:
    metadata = {"@type": f"{BUILD}OperationMetadata", "build": build}
    metadata["@type"] = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
    name = "operations/build/rehearsal/1"
    return Reply({"name": name, "done": True, "metadata": metadata, "response": {**build, "@type": BUILD}})


def _finished(call: Call, store: Store, submitted: Json) -> Json:
    image = _substituted(submitted)
    digest = f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
    _push(image, digest, store)
    project = call.name.split("/")[1]
    at = "2026-01-01T00:00:00Z"
    build = {
        **submitted,
        "id": "b-1",
        "name": f"{call.name.partition('/builds')[0]}/builds/b-1",
        "projectId": project,
        "status": "SUCCESS",
        "createTime": at,
        "startTime": at,
        "finishTime": at,
        "logUrl": "http://127.0.0.1/log",
        "results": {"images": [{"name": image, "digest": digest}]},
    }
    store.resources["build"] = build
    return build


def _substituted(submitted: Json) -> str:
    image: str = submitted.get("images", [""])[0]  # a build may push what it made itself
    for name, value in submitted.get("substitutions", {}).items():
        image = image.replace(f"${{{name}}}", value)
    return image


def _push(image: str, digest: str, store: Store) -> None:
    match = OF.fullmatch(image)
    if not match or not match["tag"]:
        return
    registry = f"projects/{match['project']}/locations/{match['region']}/repositories/{match['repo']}"
    package = f"{registry}/packages/{match['package']}"
    name = f"{package}/tags/{match['tag']}"
    store.resources[package] = {"name": package}
    store.resources[name] = {"name": name, "version": f"{package}/versions/{digest}"}
