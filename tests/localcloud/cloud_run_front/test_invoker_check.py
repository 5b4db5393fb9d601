"""The front's invoker check: whom it lets in, what it answers itself, and what it passes on of a token."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from localcloud.cloud_run_front.front import Service
from localcloud.cloud_run_front.invoker_check import InvokerCheck
from localcloud.processes import free_port
from localcloud.stack import SCHEDULER
from tests.conftest import Local
from tests.functions.operators import operator_token
from tests.localcloud.cloud_run_front.containers import echoing, fronted

AUDIENCE = "http://checked.test"
STRANGER = "someone@else.iam.gserviceaccount.com"


@pytest.fixture
def front(local: Local) -> Iterator[str]:
    check = InvokerCheck(AUDIENCE, {SCHEDULER}, local.settings.token_keys_url)
    with echoing() as (upstream, _), fronted(Service(upstream, check)) as url:
        yield url


def asked(url: str, **headers: str) -> requests.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(url, headers=given, timeout=10)


def seen(answer: requests.Response) -> dict[str, Any]:
    """The headers that reached the container."""
    assert answer.status_code == 418, answer.text
    return {name.lower(): value for name, value in answer.json()["headers"]}


def test_an_invoker(front: str, local: Local) -> None:
    """It is let in, and the container gets header and payload of the token without the signature."""
    token = operator_token(local, audience=AUDIENCE)
    passed_on = f"Bearer {token.rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE"
    assert seen(asked(front, Authorization=f"Bearer {token}"))["authorization"] == passed_on
    assert seen(asked(front, Authorization=f"bearer {token}"))["authorization"] == passed_on


def test_a_header_of_its_own(front: str, local: Local) -> None:
    """X-Serverless-Authorization alone is checked where it is given; Authorization is the application's then."""
    token = operator_token(local, audience=AUDIENCE)
    headers = seen(asked(front, X_Serverless_Authorization=f"Bearer {token}", Authorization="Bearer mine"))
    assert headers["authorization"] == "Bearer mine"
    assert headers["x-serverless-authorization"].endswith(".SIGNATURE_REMOVED_BY_GOOGLE")
    assert asked(front, X_Serverless_Authorization="Bearer x", Authorization=f"Bearer {token}").status_code == 401


def test_strangers(front: str, local: Local) -> None:
    """Whoever shows no token, or one of an account without the role, gets a page with 403."""
    token = operator_token(local, STRANGER, AUDIENCE)
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": f"Bearer {token}"}):
        answer = asked(front, **headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/html; charset=UTF-8")


def test_tokens_that_cannot_be_verified(front: str, local: Local) -> None:
    """Another audience, signature or key, none at all, or what only looks like one: 401."""
    token = operator_token(local, audience=AUDIENCE)
    head = token.rpartition(".")[0]
    elsewhere = operator_token(local, audience="http://elsewhere.test")
    for wrong in (elsewhere, token[:-4] + "AAAA", f"{head}.SIGNATURE_REMOVED_BY_GOOGLE", "x.y.z", "\xff", f"{token},x"):
        answer = asked(front, Authorization=f"Bearer {wrong}")
        assert answer.status_code == 401, wrong
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_keys_that_cannot_be_read(local: Local) -> None:
    """503: nothing is let in unchecked."""
    check = InvokerCheck(AUDIENCE, {SCHEDULER}, f"http://127.0.0.1:{free_port()}/certs")
    with echoing() as (upstream, _), fronted(Service(upstream, check)) as url:
        token = operator_token(local, audience=AUDIENCE)
        assert asked(url, Authorization=f"Bearer {token}").status_code == 503
