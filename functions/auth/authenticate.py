"""Authentication: a request's API key or session, and whether it may act for the org in the path.

A view first has the credential judged by its form, then reads its input, and only then has the caller looked up: what
is refused anyway costs no query. Refusals never tell whether another org exists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from flask import request

from cloudact import logs
from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.orgs.members import Membership, Role
from cloudact.orgs.org import SLUG_RULE, ApiKey, is_slug, key_hash, org_named_in
from cloudact.runs.run import TriggerType
from functions.auth.api_keys import OTHER_ORG, KeyCache, authorize, presented_key
from functions.auth.caller_cache import CallerCache
from functions.auth.sessions import Sessions
from functions.auth.stored_callers import CallerFacts
from functions.web.problems import Problem, bad_request

NOT_ONBOARDED = "Organization API key not found. Complete backend onboarding first."
SEVERAL_ORGS = "You are a member of several organizations; use /api/v1/pipelines/{org}/runs."
BEARER = {"WWW-Authenticate": 'Bearer realm="cloudact"'}


@dataclass(frozen=True)
class Authentication:
    """The collaborators of authentication: keys by hash, sessions, and memberships by user id."""

    keys: KeyCache
    sessions: Sessions
    members: CallerCache[tuple[Membership, ...]]
    clock: Clock


@dataclass(frozen=True)
class PresentedCredential:
    """Credential of a request: a key, by its hash, or the user id of a session; exactly one of them is set."""

    key_hash: str | None = None
    user_id: str | None = None


@dataclass(frozen=True)
class Actor:
    """Caller who may act for the org. `name` is what runs are recorded as triggered by; a key has no role."""

    org_slug: str
    trigger_type: TriggerType
    name: str
    role: Role | None = None

    def require_admin(self) -> None:
        """Raises 403 for people who are neither owner nor admin."""
        if self.role is not None and not self.role.admin:
            raise Problem(403, "Only owners and admins of the organization may do this.", code=Code.ROLE_REQUIRED)


def presented(auth: Authentication, org: str) -> PresentedCredential:
    """Credential of the request for the org in its path, judged by its form; reads nothing that is stored.

    Raises 401 for none or one that cannot be valid, 400 for two and for what is no slug, and 403 for a key that begins
    with another org's slug: whether there is such a key, or such an org, is neither read nor said.
    """
    credential, named = _presented(auth)
    if not is_slug(org):
        raise bad_request(f"org_slug must be {SLUG_RULE}.", Code.SLUG_INVALID)
    if named not in (None, org):
        _refuse()
    return credential


def presented_without_org(auth: Authentication) -> PresentedCredential:
    """Credential of a request whose path names no org, as `presented` judges it."""
    return _presented(auth)[0]


def _presented(auth: Authentication) -> tuple[PresentedCredential, str | None]:
    """Credential, and the org that a key names itself. Raises 400 for two credentials, since either could be meant."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        key = presented_key()
        return PresentedCredential(key_hash=key_hash(key)), org_named_in(key)
    if request.headers.get("X-API-Key"):
        raise bad_request("X-API-Key and Authorization exclude each other; send one of them.", Code.CREDENTIALS_TWO)
    return PresentedCredential(user_id=auth.sessions.user_id(token.strip())), None


def let_in(auth: Authentication, org: str, credential: PresentedCredential) -> Actor:
    """Actor with this credential for the org. Facts are up to a minute old.

    Raises 401 or 403, and 429 for a caller that this instance does not know while too many look-ups have failed.
    """
    if credential.user_id is not None:
        return _member(org, credential.user_id, auth.members.get(credential.user_id))
    return _machine(org, auth.keys.get(credential.key_hash or ""), auth.clock())


def recognize(auth: Authentication, org: str, credential: PresentedCredential) -> None:
    """Lets nobody pass whom the cheap look-up does not find. Raises what `let_in` raises.

    Admission reads six tables and answers for the caller too. Only who is known to this instance may make it: for
    those nothing is read here, so a trigger stays one query; the first use of a right key costs a query of one table
    more.
    """
    if not _known(auth, org, credential):
        let_in(auth, org, credential)


def _known(auth: Authentication, org: str, credential: PresentedCredential) -> bool:
    if credential.user_id is None:
        return auth.keys.known(credential.key_hash or "")
    memberships = auth.members.last(credential.user_id) or ()
    return any(each.org_slug == org and each.onboarded for each in memberships)


def admitted_actor(
    auth: Authentication, org: str, credential: PresentedCredential, facts: CallerFacts, asked_at: datetime
) -> Actor:
    """Authenticates from facts that the admission query fetched at `asked_at`, and puts them into the caches.

    Raises 401 or 403.
    """
    if credential.user_id is not None:
        auth.members.put(credential.user_id, tuple(facts.memberships), asked_at)
        return _member(org, credential.user_id, facts.memberships)
    auth.keys.put(credential.key_hash or "", facts.api_key, asked_at)
    return _machine(org, facts.api_key, auth.clock())


def own_org(auth: Authentication, credential: PresentedCredential) -> str:
    """Org of a request whose path names none: that of the key, or the only one of which the person is a member."""
    if credential.user_id is None:
        key = auth.keys.get(credential.key_hash or "")
        org = key.org_slug if key else ""
        authorize(org, key, auth.clock())
        logs.bind(org_slug=org)
        return org
    every = auth.members.get(credential.user_id)
    memberships = [each for each in every if each.onboarded] or every
    if len(memberships) > 1:
        raise bad_request(SEVERAL_ORGS, Code.ORG_AMBIGUOUS)
    org = memberships[0].org_slug if memberships else ""
    return _member(org, credential.user_id, memberships).org_slug if org else _refuse()


def _machine(org: str, key: ApiKey | None, now: datetime) -> Actor:
    authorize(org, key, now)
    logs.bind(org_slug=org)
    return Actor(org, TriggerType.API, key.actor if key else "")


def _member(org: str, user_id: str, memberships: Sequence[Membership]) -> Actor:
    for membership in memberships:
        if membership.org_slug == org:
            if not membership.onboarded:
                raise Problem(401, NOT_ONBOARDED, BEARER, code=Code.ORG_UNKNOWN)
            logs.bind(org_slug=org)
            return Actor(org, TriggerType.USER, user_id, membership.role)
    return _refuse()


def _refuse() -> NoReturn:
    raise Problem(403, OTHER_ORG, code=Code.ORG_FORBIDDEN)
