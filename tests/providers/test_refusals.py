"""A refusal is read in whichever shape it comes, and tells which key would help for which API."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.admin_key import Vendor
from providers.anthropic.api import ANALYTICS_COST, ANTHROPIC, COST_REPORT
from providers.http import IN_A_REQUEST, Busy, Refused, Time
from providers.openai.api import COSTS, OPENAI
from providers.refusals import Refusal
from tests.conftest import fixture

SCOPES = "You have insufficient permissions for this operation. Missing scopes: api.usage.read."


def refused(vendor: Vendor, path: str, key: str, status: int, body: Any) -> Refused:
    """What a person is told who sets up this key, when the API at `path` answers so."""
    answer = httpx.Response(status, content=body) if isinstance(body, bytes) else httpx.Response(status, json=body)
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(Refused) as caught:
        vendor.open("http://vendor.invalid", key, client, IN_A_REQUEST).get(path, [])
    return caught.value


SHAPES: dict[str, Any] = {
    "object": {"error": {"message": SCOPES, "type": "x", "param": None, "code": "missing_scope"}},
    "object without type": {"error": {"message": SCOPES}},
    "text": {"error": SCOPES},
    "list of objects": {"error": [{"message": SCOPES}]},
    "list of texts": {"error": [SCOPES]},
    "errors": {"errors": [{"message": SCOPES, "code": "missing_scope"}]},
    "detail": {"detail": SCOPES},
    "detail of objects": {"detail": [{"loc": ["header"], "msg": SCOPES}]},
    "message": {"message": SCOPES},
    "OAuth": {"error": "insufficient_scope", "error_description": "Missing scopes: api.usage.read"},
    "list": [{"error": {"message": SCOPES}}],
    "text alone": SCOPES,
    "texts alone": [SCOPES],
}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_of_a_refusal_is_told_at_set_up_at_once(shape: Any, status: int) -> None:
    """Missing scopes are a missing permission that names the scope, whatever envelope and status they come in."""
    err = refused(OPENAI, COSTS, "sk-admin-x1234567", status, shape)
    assert (err.code, err.blames_credential) == ("permission_denied", True)
    assert "api.usage.read" in err.message or "insufficient_scope" in err.message
    assert "Usage: Read" in err.hint


@pytest.mark.parametrize("name", ["403_missing_scope_as_text", "401_missing_scope_as_text"])
def test_openais_own_text(name: str) -> None:
    """OpenAI's refusal as a plain text names the scope that is missing."""
    found = fixture("openai_errors.json")[name]
    err = refused(OPENAI, COSTS, "sk-admin-x1234567", found["status"], found["body"])
    assert (err.code, err.refusal.scopes) == ("permission_denied", ("api.usage.read",))
    assert err.message.startswith(
        "The key may not read the organization's usage and costs: it lacks api.usage.read. It"
    )


NOBODYS: dict[str, bytes] = {
    "html": b"<html><h1>403 Forbidden</h1></html>",
    "nothing": b"",
    "text": b"Forbidden",
    "a JSON text": b'"Forbidden"',
    "JSON texts": b'["Forbidden", ""]',
    "null": b"null",
    "a number": b"403",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a list of numbers": b"[1, 2]",
    "an empty error": b'{"error": {}}',
    "no words": b'{"error": null, "ok": false}',
}


@pytest.mark.parametrize("body", NOBODYS.values(), ids=NOBODYS.keys())
@pytest.mark.parametrize("status", [401, 403])
def test_what_is_not_the_vendors_is_asked_again(status: int, body: bytes) -> None:
    """A page of a proxy, nothing, and JSON without words is trouble on the way, and nothing of it is shown."""
    asked: list[None] = []
    slept: list[float] = []

    def answer(_: httpx.Request) -> httpx.Response:
        asked.append(None)
        return httpx.Response(status, content=body)

    client, time = httpx.Client(transport=httpx.MockTransport(answer)), Time(sleep=slept.append)
    api = OPENAI.open("http://vendor.invalid", "sk-admin-x1234567", client, IN_A_REQUEST, time=time)
    with pytest.raises(Busy, match="something on the way refuses") as caught:
        api.get(COSTS, [])
    assert (len(asked), "Forbidden" in caught.value.message) == (2, False)
    assert sum(slept) == IN_A_REQUEST.longest_wait_s


NAMES = st.sampled_from(["error", "errors", "message", "detail", "type", "code", "msg"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "message", "detail", "type", "code", "msg"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(body=JSON, status=st.sampled_from([400, 401, 403, 404, 422]))
def test_no_body_is_too_odd(body: Any, status: int) -> None:
    """Any JSON at all is read as a refusal of texts."""
    for vendor in (OPENAI, ANTHROPIC):
        found = vendor.refusal(status, body)
        assert all(isinstance(word, str) for word in (found.reason, found.param, found.message))
        assert all(vendor.explain(found, COSTS))


@pytest.mark.parametrize(
    ("refusal", "blames"),
    [
        (Refusal(401, "invalid_api_key", "", "Incorrect API key provided."), True),
        (Refusal(401, "authentication_error", "", "invalid x-api-key"), True),
        (Refusal(401, "", "", "You must be a member of an organization to use the API"), True),
        (Refusal(403, "permission_error", "", ""), True),
        (Refusal(403, "", "", "Your API key has been disabled."), True),
        (Refusal(403, "forbidden", "", "Request not allowed"), False),
        (Refusal(403, "permission_error", "", "Request not allowed"), False),
        (Refusal(403, "unsupported_country_region_territory", "", "Country or region not supported"), False),
        (Refusal(401, "ip_not_authorized", "", "Your IP is not authorized for this project"), False),
        (Refusal(403, "", "", "Forbidden"), False),
        (Refusal(401, "", "", "Unauthorized", documented=False), False),
        (Refusal(401, "", "", "", vendors_own=False), False),
        (Refusal(400, "", "", "Invalid API key parameter"), False),
    ],
)  # fmt: skip
def test_which_refusals_are_about_the_key(refusal: Refusal, blames: bool) -> None:
    """Words about a key, its rights or its owner are; a place, an address, or no word at all are not."""
    assert refusal.about_credential is blames


@pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC])
def test_what_is_not_about_the_key_is_not_called_so(vendor: Vendor) -> None:
    """ "Request not allowed" is told as it is, and does not send anybody to make another key."""
    key = "sk-admin-x1234567" if vendor is OPENAI else "sk-ant-admin01-x1234567"
    body = fixture("anthropic_errors.json")["403_not_allowed"]["body"]
    err = refused(vendor, vendor.doors[-1].paths, key, 403, body)
    assert (err.code, err.blames_credential) == (f"{vendor.id}_not_allowed", False)
    assert ("Request not allowed" in err.message, "admin" in err.hint) == (True, False)


ADMIN, READING = "sk-ant-admin…", "the scope read:analytics"
PAIRS = [
    (OPENAI, COSTS, "sk-admin-", "An owner of", "admin key"),
    (OPENAI, COSTS, "sk-proj-", "This is a project key", "admin key"),
    (OPENAI, COSTS, "sk-svcacct-", "This is a service account's key", "admin key"),
    (OPENAI, COSTS, "sk-None-", "This is a user's key", "admin key"),
    (OPENAI, COSTS, "sk-", "This is a user's key", "admin key"),
    (OPENAI, COSTS, "sess-", "This is the token of a session", "admin key"),
    (OPENAI, COSTS, "eyJ", "This is an access token", "admin key"),
    (ANTHROPIC, COST_REPORT, "sk-ant-admin01-", "An admin of", ADMIN),
    (ANTHROPIC, COST_REPORT, "sk-ant-api03-", "If this is a workspace's API key", ADMIN),
    (ANTHROPIC, COST_REPORT, "sk-ant-api01-", "If this is a key of Claude Enterprise", ADMIN),
    (ANTHROPIC, COST_REPORT, "sk-ant-oat01-", "This is an OAuth token, which ends", ADMIN),
    (ANTHROPIC, ANALYTICS_COST, "sk-ant-admin01-", "This is an admin key", READING),
    (ANTHROPIC, ANALYTICS_COST, "sk-ant-api03-", "This is an API key for calling models", READING),
    (ANTHROPIC, ANALYTICS_COST, "sk-ant-api01-", "The primary owner", READING),
    (ANTHROPIC, ANALYTICS_COST, "sk-ant-oat01-", "This is an OAuth token, which ends", READING),
]


@pytest.mark.parametrize(("vendor", "path", "kind", "begins", "needed"), PAIRS)
@pytest.mark.parametrize("status", [401, 403])
def test_pitfall_18_the_hint_names_the_key_that_is_needed(
    vendor: Vendor, path: str, kind: str, begins: str, needed: str, status: int
) -> None:
    """For each API and each kind of key: what they have, where it does not fit, and what to make instead."""
    body = {"error": {"type": "permission_error", "message": "This API key may not."}}
    err = refused(vendor, path, f"{kind}x1234567", status, body)
    assert err.hint.startswith(begins)
    assert needed in err.hint


def test_an_admin_key_at_the_analytics() -> None:
    """Anthropic's own words name the scope, and the hint says which key has it, not the one they have."""
    found = fixture("anthropic_errors.json")["403_analytics_scope"]
    err = refused(ANTHROPIC, ANALYTICS_COST, "sk-ant-admin01-x1234567", found["status"], found["body"])
    assert (err.code, err.refusal.scopes) == ("permission_denied", ("read:analytics",))
    assert "claude.ai" in err.hint
    assert "creates an admin key" not in err.hint
