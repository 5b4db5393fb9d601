"""Resources by Google's conventions: create in a collection, get, list, patch, delete.

Queues, keys, secrets, registries, scheduled calls, metrics, alerts, channels and dashboards follow them.
"""

from typing import Any

from infra.rehearsal.calls import Call, Json, Reply, missing, operation, refusal
from infra.rehearsal.store import Store

# The collection and how a new member is named: by a parameter of the query, in the body, or by the server (None).
COLLECTIONS = {
    "queues": "body",
    "jobs": "body",  # of Cloud Scheduler
    "keyRings": "keyRingId",
    "cryptoKeys": "cryptoKeyId",
    "cryptoKeyVersions": None,
    "secrets": "secretId",
    "repositories": "repositoryId",
    "metrics": "body",
    "alertPolicies": None,
    "notificationChannels": None,
    "dashboards": None,
    "tasks": None,
    "tags": None,
    "versions": None,
}
MADE_BY_OPERATIONS = {"repositories"}


def answer(call: Call, store: Store) -> Reply | None:
    """Answer of the collection's API."""
    if call.name.endswith(":addVersion"):
        return _add_version(call, store)
    if not call.name.startswith("projects/"):
        return None
    above, _, last = call.name.rpartition("/")
    if last in COLLECTIONS:
        return _create(call, store, last) if call.method == "POST" else Reply({last: _listed(call, store, last)})
    collection = above.rpartition("/")[2]
    if collection == "operations":
        return operation({}, above.removesuffix(collection))
    return _member(call, store, call.name) if collection in COLLECTIONS else None


def _listed(call: Call, store: Store, collection: str) -> list[Json]:
    """Members of a collection. Secret Manager lists the newest version first and filters by state."""
    members = store.below(call.name)
    if collection != "versions":
        return members
    wanted = call.query.get("filter", "").removeprefix("state=")
    return [each for each in reversed(members) if wanted in ("", each.get("state"))]


def _create(call: Call, store: Store, collection: str) -> Reply:
    source = COLLECTIONS[collection]
    if source == "body":
        identity = call.body["name"].rpartition("/")[2]
    elif source:
        identity = call.query[source]
    else:
        identity = str(len(store.below(call.name)) + 1)
    name = f"{call.name}/{identity}"
    if name in store.resources:
        return refusal(409, "ALREADY_EXISTS", f"{name} already exists")
    store.resources[name] = {"etag": "e1", **(call.body or {}), "name": _answered_name(collection, name, identity)}
    if collection == "cryptoKeys":  # with its first version
        version = f"{name}/cryptoKeyVersions/1"
        store.resources[version] = {"name": version, "state": "ENABLED"}
    if collection in MADE_BY_OPERATIONS:
        return operation(store.resources[name], call.name.removesuffix(collection))
    return Reply(store.resources[name])


def _answered_name(collection: str, name: str, identity: str) -> str:
    """Name of a resource as its API answers it: Logging gives a metric's short name, all others the full one."""
    return identity if collection == "metrics" else name


def _member(call: Call, store: Store, name: str) -> Reply:
    held = store.resources.get(name)
    if held is None:
        return missing(name)
    if call.method == "DELETE":
        del store.resources[name]
        collection = name.rpartition("/")[0].rpartition("/")[2]
        return operation({}, name.rpartition(collection)[0]) if collection in MADE_BY_OPERATIONS else Reply({})
    if call.method in ("PATCH", "PUT"):
        store.resources[name] = _merged(held, {**(call.body or {}), "name": held["name"]})
    return Reply(store.resources[name])


def _merged(held: Json, changes: Json) -> Json:
    """Merged resource, fields of fields too: a mask names them one by one."""
    merged: dict[str, Any] = dict(held)
    for key, value in changes.items():
        merged[key] = (
            _merged(held[key], value) if isinstance(value, dict) and isinstance(held.get(key), dict) else value
        )
    return merged


def _add_version(call: Call, store: Store) -> Reply:
    versions = f"{call.name.removesuffix(':addVersion')}/versions"
    number = len(store.below(versions)) + 1
    name = f"{versions}/{number}"
    version = {"name": name, "state": "ENABLED", "createTime": f"2026-01-01T00:00:{number:02}Z"}
    store.resources[name] = {**version, "clientSpecifiedPayloadChecksum": True}
    return Reply(store.resources[name])
