"""`/ops/orgs/{org}/members/{user_id}`: memberships and roles. For `ops` only; rows are only added."""

import re
from urllib.parse import unquote

from flask import Request, Response, request

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
    read_user_id(request, user_id)
    room.stored.set(org, user_id, role)
    message = f"{user_id} is {role} of {org}." if role else f"{user_id} is no member of {org} any more."
    return answered(MemberState(org_slug=org, user_id=user_id, role=role, message=message))


def read_user_id(request: Request, user_id: str) -> None:
    """Raises 400 unless the path ends with this user's id as one segment, in which a slash is written %2F.

    Where a front has decoded the segment, and has perhaps taken parts of it away, it would be another user's.
    """
    judged_user_id(user_id)
    sent = request.environ.get("RAW_URI")
    if sent is not None and unquote(sent.partition("?")[0].removesuffix("/").rpartition("/")[2]) != user_id:
        raise bad_field("user_id", "must be one segment of the path, with each slash in it written as %2F")


def judged_user_id(user_id: str) -> None:
    """Raises 400 for what can be no user's id, or cannot be sent as part of a path by any client."""
    if not is_user_id(user_id):
        raise bad_field("user_id", "must be the subject of the user's sessions, 1 to 128 visible characters")
    if {".", ".."} & {*user_id.split("/")}:
        raise bad_field("user_id", "must not have . or .. between its slashes: clients take them out of paths")


def is_user_id(text: str) -> bool:
    """Whether a session's subject may be this text."""
    return bool(_USER.fullmatch(text))
