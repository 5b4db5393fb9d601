"""Verbs of resources and logs beyond Google's five standard methods."""

import re

from infra.rehearsal.calls import Call, Reply, missing
from infra.rehearsal.store import Store

# As Cloud Scheduler and Secret Manager call them; Cloud Tasks says RUNNING.
STATES = {"pause": "PAUSED", "resume": "ENABLED", "disable": "DISABLED", "enable": "ENABLED"}
DONE = re.compile(
    r"(?P<resource>projects/.+/(?:jobs|queues|triggers|versions)/[^/:]+):(?P<verb>run|pause|resume|disable|enable)"
)
PRIMARY = re.compile(r"(?P<key>projects/.+/cryptoKeys/[^/:]+):updatePrimaryVersion")


def answer(call: Call, store: Store) -> Reply | None:
    """Applies the verb to the resource; a version of a key becomes the primary one; logs have no lines."""
    if call.name == "entries:list":
        return Reply({})
    if match := PRIMARY.fullmatch(call.name):
        return _make_primary(match["key"], call, store)
    match = DONE.fullmatch(call.name)
    if match is None or call.path.startswith("/apis/"):
        return None
    held = store.resources.get(match["resource"])
    if held is None:
        return missing(match["resource"])
    if match["verb"] in STATES:
        held["state"] = STATES[match["verb"]]
    return Reply(held)


def _make_primary(key: str, call: Call, store: Store) -> Reply:
    version = f"{key}/cryptoKeyVersions/{call.body['cryptoKeyVersionId']}"
    if version not in store.resources:
        return missing(version)
    store.resources[key]["primary"] = {"name": version, "state": "ENABLED"}
    return Reply(store.resources[key])
