"""`/organizations/{org}/members`: who may act for an org, as the org itself sees and changes it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from flask import Response, request
from pydantic import Field, WithJsonSchema

from cloudact.error_codes import Code
from cloudact.orgs.members import Role
from cloudact.runs.run import TriggerType
from functions.auth.api_keys import OTHER_ORG
from functions.auth.authenticate import Actor, Authentication, let_in, presented
from functions.orgs.members import is_user_id, read_user_id
from functions.orgs.org_members import OrgMember, OrgMembers
from functions.orgs.shapes import Member, MemberBody, MemberState
from functions.web.answers import Answer, answered
from functions.web.cursors import pointing_at, text_of
from functions.web.inputs import Input, in_body, in_query, whole
from functions.web.parameters import no_input, no_query
from functions.web.problems import Problem, bad_request

NO_CURSOR = "cursor must be the next_cursor of an earlier page."


class MembersQuery(Input):
    """The query string of the list of members."""

    limit: Annotated[int, whole(1, 100), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 100})] = 20
    cursor: str | None = Field(default=None, description="next_cursor of the page before")


class MemberList(Answer):
    """People who may act for an org, by their ids."""

    org_slug: str = Field(examples=["acmecorp"])
    members: list[Member]
    next_cursor: str | None = Field(description="for the next page; null on the last one")


@dataclass(frozen=True)
class OrgPeople:
    """The collaborators of an org's own endpoints of members."""

    auth: Authentication
    stored: OrgMembers


def list_members(room: OrgPeople, org: str) -> Response:
    """200 with a page of the members, for every member and key."""
    credential, query = presented(room.auth, org), in_query(request.args, MembersQuery)
    after = read_cursor(query.cursor) if query.cursor is not None else ""
    let_in(room.auth, org, credential)
    found = room.stored.page(org, query.limit, after)
    members = [Member(user_id=each.user_id, role=each.role, since=each.since) for each in found.members]
    cursor = next_cursor_of(members[-1].user_id) if found.more else None
    return answered(MemberList(org_slug=org, members=members, next_cursor=cursor))


def next_cursor_of(user_id: str) -> str:
    """Cursor of the page that follows this member."""
    return pointing_at(user_id)


def read_cursor(text: str) -> str:
    """Id of the last member of the page before, of its cursor. Raises 400 for any other text."""
    try:
        user_id = text_of(text)
    except ValueError as err:
        raise bad_request(NO_CURSOR, Code.PAGE_CURSOR_INVALID) from err
    if not is_user_id(user_id):
        raise bad_request(NO_CURSOR, Code.PAGE_CURSOR_INVALID)
    return user_id


def put_member(room: OrgPeople, org: str, user_id: str) -> Response:
    """200 after the user has this role, also where they had it before."""
    credential = presented(room.auth, org)
    no_query(request)
    role = in_body(request, MemberBody).role
    read_user_id(request, user_id)
    return change_requested(room, let_in(room.auth, org, credential), user_id, role)


def delete_member(room: OrgPeople, org: str, user_id: str) -> Response:
    """200 after the user is no member any more; whoever is one may leave."""
    credential = presented(room.auth, org)
    no_input(request)
    read_user_id(request, user_id)
    return change_requested(room, let_in(room.auth, org, credential), user_id, None)


def change_requested(room: OrgPeople, actor: Actor, user_id: str, role: Role | None) -> Response:
    """200 after the user has this role, or none, by a caller who was let in.

    Raises 403, 404 for somebody who is no member, and 409 where the org would be without an owner.
    """
    if not (role is None and is_self(actor, user_id)):
        actor.require_admin()

    def judge(members: Sequence[OrgMember]) -> bool:
        return _is_change(_as_stored(actor, members), members, user_id, role)

    room.stored.change(actor.org_slug, user_id, role, judge)
    message = f"{user_id} is {role} now." if role else f"{user_id} is no member any more."
    return answered(MemberState(org_slug=actor.org_slug, user_id=user_id, role=role, message=message))


def is_self(actor: Actor, user_id: str) -> bool:
    """Whether the caller is this person; a key is nobody."""
    return actor.trigger_type is TriggerType.USER and actor.name == user_id


def _as_stored(actor: Actor, members: Sequence[OrgMember]) -> Actor:
    """Caller with their role of now: whoever was let in may have been so by a role of a minute ago."""
    if actor.trigger_type is not TriggerType.USER:
        return actor
    role = next((each.role for each in members if each.user_id == actor.name), None)
    if role is None:
        raise Problem(403, OTHER_ORG, code=Code.ORG_FORBIDDEN)
    return replace(actor, role=role)


def _is_change(actor: Actor, members: Sequence[OrgMember], user_id: str, role: Role | None) -> bool:
    """Whether the role is another than before. Raises 403, 404 and 409 for what the caller may not do."""
    before = next((each.role for each in members if each.user_id == user_id), None)
    if not (role is None and is_self(actor, user_id)):
        actor.require_admin()
    if before is None and role is None:
        raise Problem(404, f"{user_id} is no member of this organization.", code=Code.MEMBER_UNKNOWN)
    if before is role:
        return False
    if Role.OWNER in (before, role) and actor.role is not Role.OWNER:
        raise Problem(403, "Only owners of the organization may do this.", code=Code.ROLE_REQUIRED)
    if before is Role.OWNER and [each.role for each in members].count(Role.OWNER) == 1:
        detail = f"{user_id} is the only owner; make somebody else an owner first."
        raise Problem(409, detail, code=Code.MEMBER_LAST_OWNER)
    return True
