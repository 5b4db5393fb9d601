"""`/ops/orgs`: onboards orgs, shows them, changes their subscriptions and keys, and off-boards them. For `ops` only."""

import re
from typing import Any

from flask import Response, jsonify, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.orgs.org import BILLING_WORDS, SLUG_RULE, SubscriptionStatus, is_slug
from functions.composition import Api
from functions.orgs.api_keys import instant, issue_next, live_keys, new_key_json, revoke
from functions.orgs.lifecycle import Done
from functions.orgs.plans import Plan, UnknownPlan
from functions.orgs.readable import wait_until
from functions.orgs.tenant import Tenant
from functions.web.parameters import body_object
from functions.web.problems import bad_request
from functions.web.refusals import refused

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}")
_STATUSES = {status.value: status for status in SubscriptionStatus} | BILLING_WORDS


def onboard(api: Api) -> Response:
    """201 with the org and its first key, shown this once; 200 where there is nothing left to do."""
    body = body_object(request, allowed=("org_slug", "name", "plan", "reactivate"))
    org, reactivate = _slug(body.get("org_slug")), body.get("reactivate", False)
    logs.know(org_slug=org)
    if not isinstance(reactivate, bool):
        raise bad_request("reactivate must be true or false.")
    plan, plans = _plan(api, body.get("plan")), api.onboarding.plans
    name = _name(body.get("name")) or org
    with refused():
        done = api.onboarding.onboard(org, name, plan or plans.get(plans.default), reactivate=reactivate)
    told = _settled(api, org, done)
    if new := done.key:
        key = {field: value for field, value in new_key_json(new).items() if field in ("api_key", "fingerprint")}
        answer = jsonify(told | key | {"changed": True, "message": f"{org} is onboarded. The key is shown this once."})
        answer.status_code = 201
        return answer
    return jsonify(told | {"changed": False, "message": _unchanged(org, done.org, body, plan)})


def _settled(api: Api, org: str, done: Done) -> dict[str, Any]:
    """The org as it was decided; what others read by the time this is answered tells the same."""
    if done.changed:
        wait_until(lambda: api.tenants.read(org).shows(done.org))
    return _org_json(org, done.org) | {"changed": done.changed}


def _unchanged(org: str, tenant: Tenant, body: Any, plan: Plan | None) -> str:
    told = f"{org} is onboarded already; nothing was changed."
    if plan and tenant.subscription and plan.id != tenant.subscription.plan:
        told += f" Its plan stays {tenant.subscription.plan}: POST /ops/orgs/{org}/subscription changes it."
    if body.get("name") and tenant.profile and body["name"] != tenant.profile.name:
        told += f" Its name stays {tenant.profile.name}."
    return f"{told} A lost key is replaced by POST /ops/orgs/{org}/api-key."


def show_org(api: Api, org: str) -> Response:
    """The org as it stands, its keys by their fingerprints."""
    tenant = _tenant(api, org)
    return jsonify(_org_json(org, tenant) | {"api_keys": live_keys(api, org)})


def change_subscription(api: Api, org: str) -> Response:
    """Sets the status, in the billing provider's words or ours, the plan, or both."""
    body = body_object(request, allowed=("status", "plan"))
    if not {"status", "plan"} & set(body):
        raise bad_request("Give status, plan or both.")
    status = _status(body["status"]) if "status" in body else None
    plan = _plan(api, body["plan"]) if "plan" in body else None
    with refused():
        done = api.onboarding.subscribe(_slug(org), status, plan)
    return jsonify(_settled(api, org, done))


def offboard(api: Api, org: str) -> Response:
    """Ends keys, subscription and credentials of an org whose slug was typed again; its data only if told so."""
    body = body_object(request, allowed=("confirm", "delete_data"))
    delete_data = body.get("delete_data", False)
    if not isinstance(delete_data, bool):
        raise bad_request("delete_data must be true or false.")
    if body.get("confirm") != _slug(org):
        raise bad_request("confirm must be the organization's slug, typed again.")
    with refused():
        done = api.onboarding.offboard(org, delete_data=delete_data)
    message = f"{org} is off-boarded." if done.changed else f"{org} was off-boarded already; nothing was changed."
    return jsonify(_settled(api, org, done) | {"message": message})


def new_key(api: Api, org: str) -> Response:
    """The next key, for a customer who lost theirs."""
    _tenant(api, org)
    return issue_next(api, org)


def revoke_key(api: Api, org: str, fingerprint: str) -> Response:
    """Ends one key."""
    _tenant(api, org)
    return revoke(api, org, fingerprint)


def _tenant(api: Api, org: str) -> Tenant:
    tenant = api.tenants.read(_slug(org))
    with refused():
        if tenant.profile is None or tenant.profile.org_slug != org:
            raise Stop(Code.ORG_UNKNOWN, f"The organization {org} is not onboarded.")
    return tenant


def _org_json(org: str, tenant: Tenant) -> dict[str, Any]:
    profile, subscription = tenant.profile, tenant.subscription
    return {
        "org_slug": org,
        "name": profile.name if profile else None,
        "dataset": profile.dataset if profile else None,
        "status": profile.status if profile else None,
        "created_at": instant(profile.created_at) if profile else None,
        "plan": subscription.plan if subscription else None,
        "subscription_status": subscription.status if subscription else None,
        "daily_limit": subscription.daily_limit if subscription else None,
        "integrations": [{"integration": s.integration, "status": s.status} for s in tenant.integrations],
    }


def _slug(text: Any) -> str:
    if not isinstance(text, str) or not is_slug(text):
        raise bad_request(f"org_slug must be {SLUG_RULE}.")
    return text


def _name(text: Any) -> str | None:
    if text is not None and not (isinstance(text, str) and _NAME.fullmatch(text) and text.strip()):
        raise bad_request("name must be 1 to 200 characters without control characters.")
    return text


def _plan(api: Api, text: Any) -> Plan | None:
    if text is None:
        return None
    try:
        return api.onboarding.plans.get(text)
    except UnknownPlan as err:
        raise bad_request(str(err)) from err


def _status(text: Any) -> SubscriptionStatus:
    if not isinstance(text, str) or text not in _STATUSES:
        raise bad_request(f"status must be one of {', '.join(_STATUSES)}.")
    return _STATUSES[text]
