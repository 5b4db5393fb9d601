"""Routes of `ops`; those of `api` are in routes.py, which loads nothing of these."""

import json
from functools import cache, partial

from flask import Flask, Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.orgs.org import is_slug
from functions.auth.service_accounts import Caller, show_caller
from functions.composition import Rooms
from functions.web.app import create_app
from functions.web.bodies import Bodies
from functions.web.endpoints import BASE, Endpoint, Function, add_endpoints
from functions.web.later import importing_later
from functions.web.refusals import (
    ADMISSION,
    BIGQUERY,
    NO_BODY,
    NO_QUERY,
    ONBOARDED,
    ORG_IN_PATH,
    SERVICE_ACCOUNT,
    refused,
)

with importing_later(__name__):
    from functions.error_pages import show_error
    from functions.health import show_health
    from functions.orgs.members import remove_member, set_member
    from functions.orgs.ops_orgs import (
        change_subscription,
        let_into_datasets,
        new_key,
        offboard,
        onboard,
        revoke_key,
        show_org,
    )
    from functions.orgs.shapes import (
        ChangedOrg,
        DatasetsLetIn,
        MemberBody,
        MemberState,
        OffboardBody,
        OffboardedOrg,
        OnboardBody,
        OnboardedOrg,
        OrgDetail,
        SubscriptionBody,
    )
    from functions.schedule.daily import daily
    from functions.schedule.shapes import DailyPlan, Swept
    from functions.schedule.sweep import sweep
    from functions.web.answers import (
        CallerName,
        Document,
        ErrorPage,
        Health,
        RevokedKey,
        RotatedKey,
    )
    from functions.web.inputs import RotateBody
    from functions.web.openapi import answer_document, document


def private_app(rooms: Rooms, caller: Caller, bodies: Bodies | None = None) -> Flask:
    """App of the function `ops`: every path but health is for known service accounts only.

    `bodies` are as its server has threads for them.
    """
    app = create_app("ops", rooms.project, bodies)
    add_endpoints(app, PRIVATE, rooms, partial(_verify, caller))
    return app


def _verify(caller: Caller) -> None:
    caller.verify()
    org = (request.view_args or {}).get("org", "")
    if is_slug(org):
        logs.bind(org_slug=org)


@cache
def _document_text() -> str:
    return json.dumps(document(OPS, PRIVATE), ensure_ascii=False)


def show_document(_room: None) -> Response:
    """200 with the OpenAPI document of `ops`."""
    return answer_document(OPS, _document_text())


OPERATOR = {
    "Operator": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "a token that Google signs for a service account that may call; its audience is this function",
    }
}
OPS = Function(
    title="CloudAct Pipelines: operations",
    description="What the scheduler and operators call: the daily runs, the sweep, and organizations as they come, "
    "change and go. In the deployment this is a function of its own.",
    security=OPERATOR,
    of_callers=SERVICE_ACCOUNT,
    refused={
        400: "A field or the slug cannot be understood; the sentence names it",
        401: "No token, or none that is valid",
        403: "A service account that may not call",
        404: "There is no such organization or key",
        409: "The state of the organization forbids it",
    },
    cached="private, no-cache",
)
_ORGS = "/ops/orgs"
_DAILY = BIGQUERY | ADMISSION | NO_QUERY | NO_BODY
_SWEEP = BIGQUERY | ADMISSION | refused(503, Code.STILL_LOADING)
_ONBOARD = BIGQUERY | refused(409, Code.ORG_OFFBOARDED, Code.SLUG_TAKEN, Code.DATASET_TAKEN) | ORG_IN_PATH
_CHANGE = BIGQUERY | ONBOARDED | refused(409, Code.SLUG_TAKEN)
_SUBSCRIBE = _CHANGE | refused(409, Code.ORG_OFFBOARDED, Code.SUBSCRIPTION_MISSING) | refused(400, Code.FIELD_MISSING)
_USER = refused(400, Code.FIELD_INVALID)
_private = partial(Endpoint, bases=("",))
_schedule = partial(_private, room="schedule")
_operations = partial(_private, room="operations")
_members = partial(_private, room="members")
PRIVATE: tuple[Endpoint, ...] = (
    _schedule("POST", "/ops/daily", "daily", daily, "Start everything that is due", {200: DailyPlan}, _DAILY),
    _schedule("POST", "/ops/sweep", "sweep", sweep, "Settle runs that stopped reporting", {200: Swept}, _SWEEP),
    _operations(
        "POST", "/ops/access", "let_into_datasets", let_into_datasets,
        "Let the service accounts of the settings into the datasets of organizations that have not let them in yet",
        {200: DatasetsLetIn}, BIGQUERY | NO_BODY | NO_QUERY,
    ),
    _private("GET", "/ops/caller", "caller", show_caller, "Who calls", {200: CallerName}),
    _operations(
        "POST", _ORGS, "onboard", onboard, "Onboard an organization; shows its first API key",
        {200: OnboardedOrg, 201: OnboardedOrg}, _ONBOARD, body=OnboardBody,
    ),
    _operations(
        "GET", f"{_ORGS}/<org>", "show_org", show_org, "An organization as it stands",
        {200: OrgDetail}, BIGQUERY | ONBOARDED,
    ),
    _operations(
        "DELETE", f"{_ORGS}/<org>", "offboard", offboard, "Off-board an organization",
        {200: OffboardedOrg}, _CHANGE | refused(409, Code.DATASET_TAKEN), body=OffboardBody,
    ),
    _operations(
        "POST", f"{_ORGS}/<org>/subscription", "change_subscription", change_subscription,
        "Give an organization another status or plan", {200: ChangedOrg}, _SUBSCRIBE, body=SubscriptionBody,
    ),
    _operations(
        "POST", f"{_ORGS}/<org>/api-key", "new_key", new_key, "The next API key, for a customer who lost theirs",
        {201: RotatedKey}, BIGQUERY | ONBOARDED | refused(409, Code.ORG_OFFBOARDED), body=RotateBody,
    ),
    _operations(
        "DELETE", f"{_ORGS}/<org>/api-keys/<fingerprint>", "revoke_key", revoke_key, "Revoke an API key",
        {200: RevokedKey}, BIGQUERY | ONBOARDED | refused(404, Code.API_KEY_UNKNOWN),
    ),
    _members(
        "PUT", f"{_ORGS}/<org>/members/<rest:user_id>", "set_member", set_member, "Let a user act for an organization",
        {200: MemberState}, BIGQUERY | _USER, body=MemberBody,
    ),
    _members(
        "DELETE", f"{_ORGS}/<org>/members/<rest:user_id>", "remove_member", remove_member,
        "Let a user act for an organization no more", {200: MemberState}, BIGQUERY | _USER | NO_BODY,
    ),
    Endpoint(
        "GET", "/health", "health", show_health, "The process answers", {200: Health}, public=True, bases=("", BASE)
    ),
    _private(
        "GET", "/errors/<code>", "error", show_error, "What an error code means",
        {200: ErrorPage}, refused(404, Code.CODE_UNKNOWN), room="providers",
    ),
    _private(
        "GET", "/openapi.json", "openapi", show_document, "This document",
        {200: Document}, conditional=True,
    ),
)  # fmt: skip
