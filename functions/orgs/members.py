"""`/ops/orgs/{org}/members/{user_id}`: memberships and roles. For `ops` only; rows are only added."""

import re

from flask import Response, request

from cloudact.orgs.members import Role
from functions.orgs.collaborators import MemberOperations
from functions.orgs.shapes import MemberBody, MemberState, slug
from functions.web.answers import answered
from functions.web.inputs import in_body
from functions.web.parameters import no_body
from functions.web.problems import bad_field

_USER = re.compile(r"[!-~]{1,128}", re.ASCII)  # as session tokens have it


def set_member(room: MemberOperations, org: str, user_id: str) -> Response:
    """200 after the user got this role; caches of other instances follow within a minute."""
    return _set(room, org, user_id, in_body(request, MemberBody).role)


def remove_member(room: MemberOperations, org: str, user_id: str) -> Response:
    """200 after the user left the org; caches of other instances follow within a minute."""
    no_body(request)
    return _set(room, org, user_id, None)


def _set(room: MemberOperations, org: str, user_id: str, role: Role | None) -> Response:
    slug(org)
    judged_user_id(user_id)
    room.stored.set(org, user_id, role)
    message = f"{user_id} is {role} of {org}." if role else f"{user_id} is no member of {org} any more."
    return answered(MemberState(org_slug=org, user_id=user_id, role=role, message=message))


def judged_user_id(user_id: str) -> None:
    """Raises 400 for what can be no user's id."""
    if not _USER.fullmatch(user_id):
        raise bad_field("user_id", "must be the subject of the user's sessions, 1 to 128 visible characters")
