"""Who may act for an org: whoever has its key, and its members. Decides once for all endpoints, and says as little.

Refusals never tell whether another org exists: it makes no difference to a key or a person that is not the org's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from flask import request

from cloudact import logs
from cloudact.orgs.members import Membership, Role
from cloudact.orgs.org import SLUG_RULE, ApiKey, is_slug
from cloudact.runs.run import TriggerType
from functions.auth.key_cache import OTHER_ORG, authorize, invalid_key, presented_key_hash
from functions.auth.stored_callers import CallerFacts
from functions.composition import Api
from functions.web.problems import Problem, bad_request

NOT_ONBOARDED = "Organization API key not found. Complete backend onboarding first."
SEVERAL_ORGS = "You are a member of several organizations; use /api/v1/pipelines/{org}/runs."
BEARER = {"WWW-Authenticate": 'Bearer realm="cloudact"'}


@dataclass(frozen=True)
class Credential:
    """What a request presents: a key, known by its hash, or a person; exactly one of them."""

    key_hash: str | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class Actor:
    """Someone who may act for the org. `name` is what runs are recorded as triggered by; machines have no role."""

    org_slug: str
    trigger_type: TriggerType
    name: str
    role: Role | None = None

    def require_admin(self) -> None:
        """403 for people who are neither owner nor admin."""
        if self.role is not None and not self.role.admin:
            raise Problem(403, "Only owners and admins of the organization may do this.")


def authenticate(api: Api, org: str) -> Actor:
    """The request's actor for the org in its path, or 401, 400 (slug) or 403. What is known is at most a minute old."""
    credential = presented(api)
    if credential.user_id is not None:
        return _member(org, credential.user_id, api.members.find(credential.user_id))
    return _machine(org, api.keys.find(credential.key_hash or ""), api.clock())


def presented(api: Api) -> Credential:
    """The request's one credential. Two would leave open who is acting, so they are refused."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return Credential(key_hash=presented_key_hash())
    if request.headers.get("X-API-Key"):
        raise bad_request("X-API-Key and Authorization exclude each other; send one of them.")
    return Credential(user_id=api.sessions.user_id(token.strip()))


def not_refused_lately(api: Api, credential: Credential) -> None:
    """401 for a key that is remembered as one that opens nothing, before anything is read for it."""
    if credential.key_hash and api.keys.refused(credential.key_hash):
        raise invalid_key()


def admitted_actor(api: Api, org: str, credential: Credential, facts: CallerFacts, asked_at: datetime) -> Actor:
    """The request's actor, from facts that a query of `asked_at` has told; they are kept for the requests that follow.

    Raises what `authenticate` raises.
    """
    if credential.user_id is not None:
        api.members.remember(credential.user_id, tuple(facts.memberships), asked_at)
        return _member(org, credential.user_id, facts.memberships)
    api.keys.remember(credential.key_hash or "", facts.api_key, asked_at)
    return _machine(org, facts.api_key, api.clock())


def own_org(api: Api) -> str:
    """The org of a request whose path names none: the key's, or the only one of a person."""
    credential = presented(api)
    if credential.user_id is None:
        key = api.keys.find(credential.key_hash or "")
        org = key.org_slug if key else ""
        authorize(org, key, api.clock())
        logs.know(org_slug=org)
        return org
    found = api.members.find(credential.user_id)
    memberships = [each for each in found if each.onboarded] or found
    if len(memberships) > 1:
        raise bad_request(SEVERAL_ORGS)
    org = memberships[0].org_slug if memberships else ""
    return _member(org, credential.user_id, memberships).org_slug if org else _refuse()


def _machine(org: str, key: ApiKey | None, now: datetime) -> Actor:
    authorize(org, key, now)
    logs.know(org_slug=org)
    return Actor(org, TriggerType.API, key.actor if key else "")


def _member(org: str, user_id: str, memberships: Sequence[Membership]) -> Actor:
    if not is_slug(org):
        raise bad_request(f"org_slug must be {SLUG_RULE}.")
    for membership in memberships:
        if membership.org_slug == org:
            if not membership.onboarded:
                raise Problem(401, NOT_ONBOARDED, BEARER)
            logs.know(org_slug=org)
            return Actor(org, TriggerType.USER, user_id, membership.role)
    return _refuse()


def _refuse() -> NoReturn:
    raise Problem(403, OTHER_ORG)
