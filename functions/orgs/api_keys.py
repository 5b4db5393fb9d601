"""GET /organizations/{org}/api-key and POST …/rotate: an org's keys by their fingerprints, and the next one."""

import datetime as dt
from dataclasses import dataclass

from flask import Response, request

from cloudact.clock import Clock
from cloudact.error_codes import Code
from functions.auth.authenticate import Authentication, let_in, presented
from functions.auth.stored_callers import StoredCallers
from functions.orgs.key_issue import GRACE, ApiKeys
from functions.orgs.readable import wait_until
from functions.orgs.tenant import IssuedKey, Tenants
from functions.web.answers import Key, Keys, RevokedKey, RotatedKey, answered
from functions.web.inputs import RotateBody, in_body
from functions.web.parameters import no_query
from functions.web.problems import Problem, translating_stops


@dataclass(frozen=True)
class OrgKeys:
    """The collaborators of the endpoints of an org's API keys."""

    auth: Authentication
    tenants: Tenants
    issued_keys: ApiKeys
    callers: StoredCallers
    clock: Clock


def show_keys(room: OrgKeys, org: str) -> Response:
    """200 with the newest key that works, and all that work, newest first; none of them can be read back."""
    credential = presented(room.auth, org)
    no_query(request)
    let_in(room.auth, org, credential)
    keys = live_keys(room, org)
    newest = dict(keys[0]) if keys else dict.fromkeys(Key.model_fields)
    return answered(Keys(org_slug=org, **newest, keys=keys))


def rotate(room: OrgKeys, org: str) -> Response:
    """201 with a new key, shown this once; the ones before it work for the grace period."""
    credential = presented(room.auth, org)
    no_query(request)
    body = in_body(request, RotateBody)
    let_in(room.auth, org, credential).require_admin()
    return issue_next(room, org, body)


def issue_next(room: OrgKeys, org: str, body: RotateBody) -> Response:
    """201 with the org's next key, as a rotation or an operator asks for it."""
    grace, life = body.grace_hours, body.expires_in_days
    with translating_stops():
        new = room.issued_keys.next(
            room.tenants.read(org),
            org,
            GRACE if grace is None else dt.timedelta(hours=grace),
            None if life is None else dt.timedelta(days=life),
        )
    stored = new.stored
    wait_until(lambda: room.callers.api_key(stored.key_hash) is not None)
    answer = RotatedKey(
        org_slug=stored.org_slug,
        api_key=new.api_key,
        fingerprint=stored.fingerprint,
        prefix=stored.key_prefix,
        created_at=stored.created_at,
        expires_at=stored.expires_at,
        old_keys_valid_until=new.others_until,
    )
    return answered(answer, 201)


def revoke(room: OrgKeys, org: str, fingerprint: str) -> Response:
    """200 after the key of this fingerprint has ended; ending it again changes nothing."""
    for key in room.tenants.read(org).api_keys:
        if key.fingerprint == fingerprint:
            return answered(_revoked(room, org, key))
    raise Problem(404, f"API key not found: {fingerprint[:64]}", code=Code.API_KEY_UNKNOWN)


def _revoked(room: OrgKeys, org: str, key: IssuedKey) -> RevokedKey:
    if key.revoked_at is None:
        room.issued_keys.revoke([key])
    return RevokedKey(
        org_slug=org,
        fingerprint=key.fingerprint,
        revoked_at=key.revoked_at or room.clock(),
        changed=key.revoked_at is None,
        message="The key was revoked before."
        if key.revoked_at
        else "The key is revoked; it stops working within 60 s.",
    )


def live_keys(room: OrgKeys, org: str) -> list[Key]:
    """Keys that open the org, newest first."""
    now = room.clock()
    keys = sorted(room.tenants.read(org).live_keys(now), key=lambda key: key.number or 0, reverse=True)
    used = room.tenants.last_used(org, now.date()) if keys else {}
    return [
        Key(
            fingerprint=key.fingerprint,
            prefix=key.key_prefix,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_day=used.get(key.fingerprint),
        )
        for key in keys
    ]
