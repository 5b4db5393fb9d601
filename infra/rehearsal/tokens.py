"""IAM's tokens of service accounts, for impersonation. They open nothing but a running local cloud."""

import base64
import json
import re

from infra.rehearsal.calls import Call, Json, Reply
from infra.rehearsal.store import Store

ASKED = re.compile(r"projects/-/serviceAccounts/(?P<email>[^/:]+):(?P<verb>generateAccessToken|generateIdToken)")
NEVER = "2099-01-01T00:00:00Z"


def answer(call: Call, store: Store) -> Reply | None:
    """Answer with an access token, or an identity token for the requested audience; only a local cloud signs one."""
    if not (match := ASKED.fullmatch(call.name)):
        return None
    if match["verb"] == "generateAccessToken":
        return Reply({"accessToken": "rehearsal", "expireTime": NEVER})
    if store.stack:
        return Reply({"token": store.stack.identity_token(match["email"], call.body["audience"])})
    return Reply({"token": _unsigned({"aud": call.body["audience"], "email": match["email"], "exp": 4070908800})})


def _unsigned(claims: Json) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."
