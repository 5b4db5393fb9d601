"""Who may call `ops`: with Cloud Run's invoker check before it, which removes signatures, and without."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions.auth.invoker_check import Front
from functions.auth.service_accounts import REMOVED, Caller
from functions.composition import compose
from functions.ops_routes import private_app
from localcloud.stack import OPERATOR, SCHEDULER
from localcloud.wire.listener import HttpAnswer, HttpRequest, Listener
from tests.conftest import Local
from tests.functions.operators import AUDIENCE, operator_token, problem
from tests.functions.test_invoker_check import Address, address

INVALID = (401, "Invalid bearer token")


__all__ = ["address"]


def ops(local: Local, front: Address | None = None, **changes: Any) -> FlaskClient:
    """The function; with a front it is told that Cloud Run checks who calls, which its address confirms or not."""
    told = {"ops_audience": AUDIENCE, "ops_invoker_check": front is not None}
    settings = local.settings.model_copy(update=told | changes)
    caller = Caller(settings, Front(front.url) if front else None)
    return private_app(compose(settings, local.clock), caller).test_client()


def called(ops: FlaskClient, **headers: str) -> Any:
    """The caller that it sees, or its refusal."""
    bearers = {name.replace("_", "-"): f"Bearer {token}" for name, token in headers.items()}
    answer = ops.get("/ops/caller", headers=bearers)
    return answer.get_json()["caller"] if answer.status_code == 200 else problem(answer)


def passed_on(token: str) -> str:
    """The token as Cloud Run passes it on."""
    return f"{token.rpartition('.')[0]}.{REMOVED}"


def forged(**changes: Any) -> str:
    """What anybody can write: the claims of the scheduler, without a signature."""
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": SCHEDULER, "email_verified": True}
    parts = {"alg": "RS256", "kid": "x"}, {**claims, "iat": now, "exp": now + 60, **changes}
    head, payload = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{payload}.{REMOVED}"


def test_without_the_check_a_removed_signature_is_none(local: Local) -> None:
    """The signature is verified here: the same token counts with it, and is invalid without."""
    token = operator_token(local)
    assert called(ops(local), Authorization=token) == SCHEDULER
    assert called(ops(local), Authorization=passed_on(token)) == INVALID
    assert called(ops(local), Authorization=forged()) == INVALID
    assert called(ops(local)) == (401, "A bearer token is required")


def test_with_the_check_only_that_third_part_is_believed(local: Local, address: Address) -> None:
    """A token as Cloud Run passes it on counts; any other signature is verified as ever."""
    behind, token = ops(local, address), operator_token(local)
    assert called(behind, Authorization=passed_on(token)) == SCHEDULER
    assert called(behind, Authorization=token) == SCHEDULER
    for signature in ("", "x", REMOVED.lower(), f"{REMOVED}A", f"A{REMOVED}"):
        assert called(behind, Authorization=f"{token.rpartition('.')[0]}.{signature}") == INVALID, signature


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example.com"},
        {"aud": "https://elsewhere.example.com"},
        {"exp": 1},
        {"exp": None},
        {"iat": 4070908800},
        {"aud": None},
    ],
)
def test_without_a_signature_all_else_is_verified(changes: dict[str, Any], local: Local, address: Address) -> None:
    """Issuer, audience, and when it was issued and ends."""
    behind = ops(local, address)
    assert called(behind, Authorization=forged()) == SCHEDULER
    assert called(behind, Authorization=forged(**changes)) == INVALID


def test_a_check_that_is_off_is_not_believed(local: Local, address: Address) -> None:
    """Nobody is let in without a signature, whoever wrote the token; whoever has one is, as ever."""
    address.status = 200
    behind, token = ops(local, address), operator_token(local)
    assert [called(behind, Authorization=each) for each in (forged(), passed_on(token))] == [INVALID] * 2
    assert called(behind, Authorization=token) == SCHEDULER
    assert address.asked == [200]


def test_a_check_that_cannot_be_asked_for(local: Local, address: Address) -> None:
    """503: nothing was judged, so the caller may try again."""
    address.status = 503
    assert called(ops(local, address), Authorization=passed_on(operator_token(local)))[0] == 503


def test_our_address_is_not_asked_for_what_is_refused_anyway(local: Local, address: Address) -> None:
    """Tokens that lack more than the signature, or nothing at all, cost no question."""
    behind = ops(local, address)
    assert called(behind, Authorization=forged(exp=1)) == INVALID
    assert called(behind, Authorization=operator_token(local)) == SCHEDULER
    assert address.asked == []


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("aud", ["", [""], [], ["", AUDIENCE], AUDIENCE, None])
def test_nobody_calls_a_function_without_an_address(aud: Any, checked: bool, local: Local, address: Address) -> None:
    """While `ops_audience` is empty no token is for us, whatever its audience is."""
    function = ops(local, address, ops_invoker_check=checked, ops_audience="")
    assert called(function, Authorization=forged(aud=aud)) == INVALID
    assert called(function, Authorization=operator_token(local, audience="")) == INVALID


@pytest.mark.parametrize(
    "changes", [{"email": "someone@else.iam.gserviceaccount.com"}, {"email_verified": False}, {"email_verified": "x"}]
)
def test_whoever_cloud_run_lets_in_must_be_on_our_list(changes: dict[str, Any], local: Local, address: Address) -> None:
    """403, as for a token with its signature."""
    behind = ops(local, address)
    assert called(behind, Authorization=forged(**changes)) == (403, "This caller may not use ops")


def test_the_header_that_cloud_run_checked_counts(local: Local, address: Address) -> None:
    """Where X-Serverless-Authorization is given, Authorization was not checked, and is not believed."""
    behind, operator = ops(local, address), passed_on(operator_token(local, OPERATOR))
    assert called(behind, X_Serverless_Authorization=operator, Authorization=forged()) == OPERATOR
    somebody = forged(email="someone@else.iam.gserviceaccount.com")
    assert called(behind, X_Serverless_Authorization=somebody, Authorization=forged())[0] == 403


def test_key_ids_of_strangers_do_not_make_us_ask(local: Local) -> None:
    """Many tokens with a key that nobody has cost one look at Google's keys, and what is too long for a token none."""
    asked: list[HttpRequest] = []

    def keys(request: HttpRequest) -> HttpAnswer:
        asked.append(request)
        return HttpAnswer(200, json.dumps(local.google.issuer.jwks()).encode())

    listener = Listener(keys, port=0)
    listener.start()
    function = ops(local, token_keys_url=f"{listener.url}/certs")
    assert called(function, Authorization="x" * 9000) == INVALID
    assert asked == []
    assert {called(function, Authorization=forged()) for _ in range(20)} == {INVALID}
    assert called(function, Authorization=operator_token(local)) == SCHEDULER
    listener.stop()
    assert len(asked) == 1


def test_the_keys_cannot_be_read(local: Local) -> None:
    """503: nothing was judged, so the caller may try again."""
    function = ops(local, token_keys_url="http://127.0.0.1:9/certs")
    assert called(function, Authorization=operator_token(local))[0] == 503
