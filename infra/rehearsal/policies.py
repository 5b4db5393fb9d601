"""Policies of any resource: getIamPolicy and setIamPolicy."""

import re

from infra.rehearsal.calls import Call, Reply
from infra.rehearsal.store import Store

ANY_PROJECT = re.compile(r"^projects/[^/]+/(?=serviceAccounts/)")  # gcloud names it, or writes - for "whichever"


def answer(call: Call, store: Store) -> Reply | None:
    """Policy of the resource before the colon; an empty one until one is set."""
    resource, _, verb = call.name.rpartition(":")
    resource = ANY_PROJECT.sub("", resource)
    if verb == "testIamPermissions":
        return Reply({"permissions": call.body["permissions"]})
    if verb == "setIamPolicy":
        store.policies[resource] = {**call.body["policy"], "etag": "BwY="}
    elif verb != "getIamPolicy":
        return None
    return Reply(store.policies.get(resource, {"etag": "BwX=", "version": 1}))
