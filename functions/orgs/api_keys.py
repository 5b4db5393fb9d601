"""GET /organizations/{org}/api-key and POST …/rotate: an org's keys by their fingerprints, and the next one."""

import datetime as dt
from typing import Any

from flask import Response, jsonify, request

from functions.auth.authenticate import authenticate
from functions.composition import Api
from functions.orgs.key_issue import GRACE, NewKey
from functions.orgs.readable import wait_until
from functions.orgs.tenant import IssuedKey
from functions.web.answers import Keys, RotatedKey, answered
from functions.web.inputs import RotateBody, in_body
from functions.web.parameters import only_known
from functions.web.problems import Problem
from functions.web.refusals import refused


def show_keys(api: Api, org: str) -> Response:
    """The newest key that works, and all that work, newest first; none of them can be read back."""
    authenticate(api, org)
    only_known(request.args, allowed=())
    keys = live_keys(api, org)
    newest = keys[0] if keys else dict.fromkeys(KEY_FIELDS)
    return answered(Keys.model_validate({"org_slug": org, **newest, "keys": keys}))


def rotate(api: Api, org: str) -> Response:
    """201 with a new key, shown this once; the ones before it work for the grace period."""
    authenticate(api, org).require_admin()
    only_known(request.args, allowed=())
    return issue_next(api, org)


def issue_next(api: Api, org: str) -> Response:
    """What a rotation and `ops` share."""
    body = in_body(request, RotateBody)
    grace, life = body.grace_hours, body.expires_in_days
    with refused():
        new = api.issued_keys.next(
            api.tenants.read(org),
            org,
            GRACE if grace is None else dt.timedelta(hours=grace),
            None if life is None else dt.timedelta(days=life),
        )
    wait_until(lambda: api.stored_callers.api_key(new.stored.key_hash) is not None)
    return answered(RotatedKey.model_validate({**new_key_json(new), "old_keys_valid_until": new.others_until}), 201)


def revoke(api: Api, org: str, fingerprint: str) -> Response:
    """Ends the key of this fingerprint; ending it again changes nothing."""
    for key in api.tenants.read(org).api_keys:
        if key.fingerprint == fingerprint:
            changed = key.revoked_at is None
            if changed:
                api.issued_keys.revoke([key])
            at = api.clock() if changed else key.revoked_at
            message = "The key is revoked; it stops working within 60 s." if changed else "The key was revoked before."
            told = {"org_slug": org, "fingerprint": fingerprint, "revoked_at": instant(at)}
            return jsonify(told | {"changed": changed, "message": message})
    raise Problem(404, f"API key not found: {fingerprint[:64]}")


def new_key_json(new: NewKey) -> dict[str, Any]:
    """A key that is shown this once."""
    stored = new.stored
    return {
        "org_slug": stored.org_slug,
        "api_key": new.api_key,
        "fingerprint": stored.fingerprint,
        "prefix": stored.key_prefix,
        "created_at": instant(stored.created_at),
        "expires_at": instant(stored.expires_at),
    }


KEY_FIELDS = ("fingerprint", "prefix", "created_at", "expires_at", "last_used_day")


def live_keys(api: Api, org: str) -> list[dict[str, Any]]:
    """The keys that open the org, newest first."""
    now = api.clock()
    keys = sorted(api.tenants.read(org).live_keys(now), key=lambda key: key.number or 0, reverse=True)
    used = api.tenants.last_used(org, now.date()) if keys else {}
    return [_key_json(key, used.get(key.fingerprint)) for key in keys]


def _key_json(key: IssuedKey, used: dt.date | None) -> dict[str, Any]:
    told = (
        key.fingerprint,
        key.key_prefix,
        instant(key.created_at),
        instant(key.expires_at),
        used and used.isoformat(),
    )
    return dict(zip(KEY_FIELDS, told, strict=True))


def instant(at: dt.datetime | None) -> str | None:
    """A time as clients see it."""
    return None if at is None else at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
