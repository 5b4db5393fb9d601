"""`/ops/orgs/{org}/members/{user_id}`: who belongs to an org, and as what. For `ops` only; rows are only added."""

import re

from flask import Response, jsonify, request

from cloudact.orgs.members import Role
from cloudact.orgs.org import SLUG_RULE, is_slug
from functions.composition import Api
from functions.web.parameters import body_object
from functions.web.problems import bad_request

REMOVED = "removed"  # any word that is no role ends a membership
_USER = re.compile(r"[!-~]{1,128}", re.ASCII)  # as session tokens have it


def set_member(api: Api, org: str, user_id: str) -> Response:
    """The user has this role from now on: within a minute wherever another is remembered."""
    role = body_object(request, allowed=("role",)).get("role")
    if role not in list(Role):
        raise bad_request(f"role must be one of {', '.join(Role)}.")
    return _append(api, org, user_id, str(role))


def remove_member(api: Api, org: str, user_id: str) -> Response:
    """The user does not belong to the org any more."""
    body_object(request, allowed=())
    return _append(api, org, user_id, REMOVED)


def _append(api: Api, org: str, user_id: str, role: str) -> Response:
    if not is_slug(org):
        raise bad_request(f"org_slug must be {SLUG_RULE}.")
    if not _USER.fullmatch(user_id):
        raise bad_request("user_id must be the subject of the user's sessions, 1 to 128 visible characters.")
    at = api.clock().isoformat()
    row = {"org_slug": org, "user_id": user_id, "role": role, "created_at": at}
    api.warehouse.append("org_members", [row], [f"{org}/{user_id}/{role}/{at}"])
    message = f"{user_id} is {role} of {org}." if role != REMOVED else f"{user_id} is no member of {org} any more."
    return jsonify(org_slug=org, user_id=user_id, role=None if role == REMOVED else role, message=message)
