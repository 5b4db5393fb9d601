"""Projects: their enabled APIs and quotas, service accounts and roles."""

import re

from infra.rehearsal.calls import Call, Reply, missing, operation
from infra.rehearsal.store import Store

NUMBER = "123456789012"
PROJECT = re.compile(r"projects/([^/:]+)$")
SERVICES = re.compile(r"projects/[^/]+/services(/[^/:]+)?(:\w+)?$")
QUOTAS = re.compile(r"(projects/[^/]+/services/[^/:]+/consumerQuotaMetrics)(:importConsumerOverrides)?")
ACCOUNTS = re.compile(r"projects/([^/]+)/serviceAccounts(?:/([^/:]+))?$")
ROLES = re.compile(r"projects/[^/]+/roles(/[^/:]+)?(:undelete)?$")


def answer(call: Call, store: Store) -> Reply | None:
    """Answer of the project's own APIs."""
    if match := PROJECT.fullmatch(call.name):
        return Reply({"projectId": match[1], "projectNumber": NUMBER, "name": match[1], "lifecycleState": "ACTIVE"})
    if SERVICES.fullmatch(call.name):
        return _services(call, store)
    if match := QUOTAS.fullmatch(call.name):
        return _quotas(call, store, match[1])
    if match := ACCOUNTS.fullmatch(call.name):
        return _account(call, store, match[1], match[2])
    if ROLES.fullmatch(call.name):
        return _role(call, store)
    if call.name == "permissions:queryTestablePermissions":
        return Reply({"permissions": []})
    if call.name.startswith("operations/") and "build" not in call.name:
        return operation({})
    return None


def _services(call: Call, store: Store) -> Reply:
    if call.name.endswith((":batchEnable", ":enable")):
        collection = call.name.partition("/services")[0] + "/services"
        names = (call.body or {}).get("serviceIds") or [call.name.rpartition("/")[2].partition(":")[0]]
        for name in names:
            store.resources[f"{collection}/{name}"] = {"config": {"name": name}, "state": "ENABLED"}
        return operation({})
    if call.name.endswith("/services"):
        return Reply({"services": store.below(call.name)})
    return Reply(store.resources.get(call.name, {"name": call.name, "state": "DISABLED"}))


def _quotas(call: Call, store: Store, metrics: str) -> Reply:
    """The quotas that were overridden; Google tells of all others too, with their defaults."""
    if call.method == "GET":
        return Reply({"metrics": store.below(metrics)})
    for override in call.body["inlineSource"]["overrides"]:
        name = f"{metrics}/{override['metric'].replace('/', '%2F')}"
        metric = store.resources.setdefault(name, {"name": name, "metric": override["metric"]})
        others = [each for each in metric.get("consumerQuotaLimits", []) if each["unit"] != override["unit"]]
        value = override["overrideValue"]
        bucket = {"effectiveLimit": value, "consumerOverride": {"overrideValue": value}}
        metric["consumerQuotaLimits"] = [*others, {"unit": override["unit"], "quotaBuckets": [bucket]}]
    return operation({})


def _account(call: Call, store: Store, project: str, email: str | None) -> Reply:
    accounts = f"projects/{project}/serviceAccounts"
    if call.method == "POST":
        email = f"{call.body['accountId']}@{project}.iam.gserviceaccount.com"
        account = {"name": f"{accounts}/{email}", "email": email, "projectId": project, "uniqueId": "1"}
        store.resources[f"{accounts}/{email}"] = {**call.body.get("serviceAccount", {}), **account}
    if email is None:
        return Reply({"accounts": store.below(accounts)})
    stored = next((each for name, each in store.resources.items() if name.endswith(f"/serviceAccounts/{email}")), None)
    if stored and call.method == "DELETE":
        del store.resources[stored["name"]]
    return Reply(stored) if stored else missing(email)


def _role(call: Call, store: Store) -> Reply:
    name = call.name.removesuffix(":undelete")
    if call.method == "POST" and call.body and "roleId" in call.body:
        name = f"{name}/{call.body['roleId']}"
        store.resources[name] = {**call.body["role"], "name": name, "etag": "BwX="}
    elif call.method == "PATCH":
        store.resources[name] = {**store.resources[name], **call.body, "name": name}
    return Reply(store.resources[name]) if name in store.resources else missing(name)
