"""The page *Members* of the settings: who may act for the org, and forms for what the visitor may change of that."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response, request

from cloudact.orgs.members import Role
from functions.console.actions import done
from functions.console.collaborators import Console
from functions.console.forms import read_form
from functions.console.pages import page
from functions.console.sessions import Visit, visit
from functions.orgs.member_endpoints import change_requested, is_self
from functions.orgs.members import judged_user_id
from functions.orgs.org_members import OrgMember
from functions.orgs.shapes import MemberBody
from functions.web.parameters import only_known
from functions.web.problems import bad_field

MOST_SHOWN = 25

ROLE = {Role.OWNER: "Owner", Role.ADMIN: "Admin", Role.MEMBER: "Member"}
MAY = {
    Role.OWNER: "everything, and says who else is an owner",
    Role.ADMIN: "sets up integrations, keys and the webhook, and manages admins and members",
    Role.MEMBER: "sees everything, and runs pipelines",
}


@dataclass(frozen=True)
class MemberLine:
    """Member of the list. `roles` are those that the visitor may give them, none where they may not."""

    member: OrgMember
    words: str
    is_self: bool
    is_last_owner: bool
    roles: Sequence[Role]
    may_remove: bool


def show_members(console: Console, org: str) -> Response:
    """200 with those who may act for the org, in pages by their ids."""
    visited = visit(console, org)
    only_known(request.args, ("after",))
    after = request.args.get("after", "")
    found = console.people.stored.page(org, MOST_SHOWN, after)
    lines = [_line(visited, each, only_owner=each.role is Role.OWNER and found.owners == 1) for each in found.members]
    may_change = any(line.roles or line.may_remove for line in lines)
    return page(
        console,
        visited,
        "settings_members.html",
        lines=lines,
        total=found.total,
        is_first=not after,
        next_after=found.members[-1].user_id if found.more else "",
        may_change=may_change,
        given=_given(visited),
        words=ROLE,
        may=MAY,
    )


def put_member(console: Console, org: str) -> Response:
    """303 to the members, of whom one has another role, or is new."""
    visited = visit(console, org)
    form = read_form(console, visited.session)

    def act() -> Response:
        user_id = form.get("user_id", "")
        judged_user_id(user_id)
        role = MemberBody.model_validate({"role": form.get("role", "")}).role
        return change_requested(console.people, visited.actor, user_id, role)

    return done(console, act, _members(org), lambda answer: f"{answer['message']} It holds everywhere within a minute.")


def remove_member(console: Console, org: str) -> Response:
    """303 to the members, of whom one is no member any more."""
    visited = visit(console, org)
    form = read_form(console, visited.session)

    def act() -> Response:
        user_id = form.get("user_id", "")
        if form.get("confirm") != "true":
            raise bad_field("confirm", "must be ticked")
        return change_requested(console.people, visited.actor, user_id, None)

    return done(console, act, _members(org), lambda answer: f"{answer['message']} It holds everywhere within a minute.")


def _members(org: str) -> str:
    return f"/console/{org}/settings/members"


def _given(visited: Visit) -> Sequence[Role]:
    """Roles that the visitor may give; only owners make owners."""
    if not visited.may_administer:
        return ()
    return [*Role] if visited.actor.role is Role.OWNER else [Role.ADMIN, Role.MEMBER]


def _line(visited: Visit, member: OrgMember, *, only_owner: bool) -> MemberLine:
    own, given = is_self(visited.actor, member.user_id), _given(visited)
    changeable = member.role in given and not only_owner
    return MemberLine(
        member=member,
        words=ROLE[member.role],
        is_self=own,
        is_last_owner=only_owner,
        roles=given if changeable else (),
        may_remove=changeable or (own and not only_owner),
    )
