"""`/ops/orgs`: onboards orgs, shows them, changes their subscriptions and keys, and off-boards them. For `ops` only."""

from typing import Any

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.errors import Stop
from functions.orgs.api_keys import issue_next, live_keys, revoke
from functions.orgs.collaborators import OrgOperations
from functions.orgs.onboarding import Done
from functions.orgs.plans import Plan, UnknownPlan
from functions.orgs.readable import wait_until
from functions.orgs.shapes import (
    ChangedOrg,
    DatasetsLetIn,
    Member,
    OffboardBody,
    OffboardedOrg,
    OnboardBody,
    OnboardedOrg,
    OrgDetail,
    SetUpState,
    SubscriptionBody,
    slug,
)
from functions.orgs.tenant import Tenant
from functions.web.answers import answered
from functions.web.inputs import RotateBody, in_body
from functions.web.parameters import no_input
from functions.web.problems import Problem, translating_stops


def onboard(room: OrgOperations) -> Response:
    """201 with the org and its first key, shown this once; 200 where there is nothing left to do."""
    body = in_body(request, OnboardBody)
    org, plans = body.org_slug, room.onboarding.plans
    logs.bind(org_slug=org)
    plan = _plan(room, body.plan)
    with translating_stops():
        done = room.onboarding.onboard(
            org, body.name or org, plan or plans.get(plans.default), reactivate=body.reactivate
        )
    _wait_for(room, org, done)
    fields = {**_fields(org, done.org), "changed": done.key is not None}
    if done.key is None:
        return answered(OnboardedOrg(**fields, message=_unchanged(org, done.org, body, plan)))
    fields |= {"api_key": done.key.api_key, "fingerprint": done.key.stored.fingerprint}
    return answered(OnboardedOrg(**fields, message=f"{org} is onboarded. The key is shown this once."), 201)


def _wait_for(room: OrgOperations, org: str, done: Done) -> None:
    """Waits until readers of the org see what was decided."""
    if done.changed:
        wait_until(lambda: room.tenants.read(org).shows(done.org))


def _unchanged(org: str, tenant: Tenant, body: OnboardBody, plan: Plan | None) -> str:
    message = f"{org} is onboarded already; nothing was changed."
    if plan and tenant.subscription and plan.id != tenant.subscription.plan:
        message += f" Its plan stays {tenant.subscription.plan}: POST /ops/orgs/{org}/subscription changes it."
    if body.name and tenant.profile and body.name != tenant.profile.name:
        message += f" Its name stays {tenant.profile.name}."
    return f"{message} A lost key is replaced by POST /ops/orgs/{org}/api-key."


def show_org(room: OrgOperations, org: str) -> Response:
    """200 with the org as it stands, its keys by their fingerprints, and its members."""
    tenant = _tenant(room, org)
    members = [Member(user_id=each.user_id, role=each.role, since=each.since) for each in room.members.of(org)]
    return answered(OrgDetail(**_fields(org, tenant), api_keys=live_keys(room.keys, org), members=members))


def change_subscription(room: OrgOperations, org: str) -> Response:
    """200 with the org after its status (in the billing provider's words or ours), its plan, or both were set."""
    body = in_body(request, SubscriptionBody)
    plan = _plan(room, body.plan)
    with translating_stops():
        done = room.onboarding.subscribe(slug(org), body.status, plan)
    _wait_for(room, org, done)
    return answered(ChangedOrg(**_fields(org, done.org), changed=done.changed))


def offboard(room: OrgOperations, org: str) -> Response:
    """200 after keys, subscription, credentials and memberships have ended.

    `confirm` must be the slug; `delete_data` deletes the dataset.
    """
    body = in_body(request, OffboardBody)
    if body.confirm != slug(org):
        raise Problem(400, OffboardBody.missing, code=Code.FIELD_INVALID, field="confirm")
    with translating_stops():
        done = room.onboarding.offboard(org, delete_data=body.delete_data)
    _wait_for(room, org, done)
    message = f"{org} is off-boarded." if done.changed else f"{org} was off-boarded already; nothing was changed."
    return answered(OffboardedOrg(**_fields(org, done.org), changed=done.changed, message=message))


def new_key(room: OrgOperations, org: str) -> Response:
    """201 with the next key, for a customer who lost theirs."""
    _tenant(room, org)
    return issue_next(room.keys, org, in_body(request, RotateBody))


def let_into_datasets(room: OrgOperations) -> Response:
    """200 after the service accounts of the settings were let into the datasets that have not let them in yet."""
    no_input(request)
    done = room.dataset_access.let_in()
    return answered(DatasetsLetIn(admitted=[*done.admitted], failed=[*done.failed], left=done.left))


def revoke_key(room: OrgOperations, org: str, fingerprint: str) -> Response:
    """200 after the key has ended; 404 for a fingerprint that is none of the org's."""
    _tenant(room, org)
    return revoke(room.keys, org, fingerprint)


def _tenant(room: OrgOperations, org: str) -> Tenant:
    tenant = room.tenants.read(slug(org))
    with translating_stops():
        if tenant.profile is None or tenant.profile.org_slug != org:
            raise Stop(Code.ORG_UNKNOWN, f"The organization {org} is not onboarded.")
    return tenant


def _fields(org: str, tenant: Tenant) -> dict[str, Any]:
    """Fields of an `OrgState`."""
    profile, subscription = tenant.profile, tenant.subscription
    return {
        "org_slug": org,
        "name": profile and profile.name,
        "dataset": profile and profile.dataset,
        "status": profile and profile.status,
        "created_at": profile and profile.created_at,
        "plan": subscription and subscription.plan,
        "subscription_status": subscription and subscription.status,
        "daily_limit": subscription and subscription.daily_limit,
        "integrations": [SetUpState(integration=s.integration, status=s.status) for s in tenant.integrations],
    }


def _plan(room: OrgOperations, plan_id: Any) -> Plan | None:
    if plan_id is None:
        return None
    try:
        return room.onboarding.plans.get(plan_id)
    except UnknownPlan as err:
        raise Problem(400, str(err), code=Code.FIELD_INVALID, field="plan") from err
