"""Sign-in at the identity provider: the code flow with PKCE, against a stand-in that checks what it is told."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, Response, request

from cloudact.settings import Settings
from functions.composition import compose
from functions.console_routes import console_app
from localcloud.onboarding import add_member
from tests.conftest import Local, NewOrgs
from tests.functions.console.conftest import Browser
from tests.served import served

CLIENT, HOST = "the-console", "https://localhost"


@dataclass
class Issuer:
    """An identity provider: its pages as an app, the codes that it has given, and what it does wrong."""

    local: Local
    url: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    status: int = 200

    def app(self) -> Flask:
        app = Flask("issuer")
        app.add_url_rule("/.well-known/openid-configuration", "discovery", self.discovery)
        app.add_url_rule("/token", "token", self.token, methods=["POST"])
        return app

    def discovery(self) -> Response:
        told = {"authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token"}
        return Response(json.dumps(told), self.status)

    def sign_in(self, address: str, user: str) -> dict[str, str]:
        """What the provider's page does: gives a code for this request, and sends the person back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid")
        assert asked["redirect_uri"] == f"{HOST}/console/sign-in/answer"
        self.codes["the-code"] = asked | {"user": user}
        return {"code": "the-code", "state": asked["state"]}

    def token(self) -> Response:
        form = request.form
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or (form["redirect_uri"], challenge) != (asked["redirect_uri"], asked["code_challenge"]):
            return Response('{"error": "invalid_grant"}', 400)
        claims = {"iss": self.url, "aud": CLIENT, "nonce": asked["nonce"]} | self.claims
        token = self.local.google.sessions.token(self.local.google.url, asked["user"], **claims)
        return Response(json.dumps({"id_token": token}), 200)


@pytest.fixture
def issuer(local: Local) -> Iterator[Issuer]:
    found = Issuer(local)
    with served(found.app()) as url:
        found.url = url
        yield found


def settings_with(local: Local, issuer: Issuer) -> Settings:
    changes = {"jwt_issuer": issuer.url, "console_client_id": CLIENT, "console_url": HOST, "console_demo_user": ""}
    return local.settings.model_copy(update=changes)


@pytest.fixture
def browser(local: Local, issuer: Issuer) -> Browser:
    settings = settings_with(local, issuer)
    return Browser(console_app(compose(settings, local.clock), settings, clock=local.clock).test_client())


def begun(browser: Browser, issuer: Issuer, user: str, back: str = "/console") -> dict[str, str]:
    """The answer with which the provider sends the person back."""
    browser.get(f"/console/sign-in?back={back}")
    assert "Sign in with your account" in browser.words
    answer = browser.get(f"/console/sign-in/identity?back={back}")
    assert answer.status_code == 303
    return issuer.sign_in(answer.headers["Location"], user)


def test_a_person_signs_in_with_their_account(local: Local, issuer: Issuer, browser: Browser, new_org: NewOrgs) -> None:
    """The provider's answer becomes a session of the person, who comes back to where they were."""
    org = new_org()
    add_member(local.settings, org.org_slug, "person-1", "member")
    answer = begun(browser, issuer, "person-1", f"/console/{org.org_slug}/runs")
    told = browser.get("/console/sign-in/answer?" + "&".join(f"{name}={text}" for name, text in answer.items()))
    assert (told.status_code, told.headers["Location"]) == (303, f"/console/{org.org_slug}/runs")
    assert browser.follow().status_code == 200
    assert "person-1" in browser.words
    assert browser.client.get_cookie("__Host-cloudact-attempt", domain="localhost") is None


@pytest.mark.parametrize(
    ("claims", "changes"),
    [
        ({}, {"state": "another"}),
        ({}, {"code": "made-up"}),
        ({"nonce": "of another"}, {}),
        ({"aud": "another-client"}, {}),
        ({"iss": "https://evil.example"}, {}),
        ({"exp": 1}, {}),
        ({}, {"code": ""}),
    ],
    ids=["state", "code", "nonce", "audience", "issuer", "expired", "no code"],
)
def test_what_is_no_answer_to_this_attempt_signs_nobody_in(
    issuer: Issuer, browser: Browser, claims: dict[str, Any], changes: dict[str, str]
) -> None:
    """An answer of another attempt or client, and a token that is not for this sign-in, lead back to the page."""
    issuer.claims = claims
    answer = begun(browser, issuer, "person-1") | changes
    told = browser.get("/console/sign-in/answer?" + "&".join(f"{name}={text}" for name, text in answer.items()))
    assert told.status_code == 401
    assert "Set-Cookie" in told.headers
    assert "__Host-cloudact=" not in told.headers["Set-Cookie"]
    assert "sign in" in browser.words.lower()


def test_an_answer_without_an_attempt_signs_nobody_in(issuer: Issuer, browser: Browser) -> None:
    """Who follows a link with another's code, or comes ten minutes late, is not signed in."""
    answer = begun(browser, issuer, "person-1")
    browser.client.delete_cookie("__Host-cloudact-attempt", domain="localhost")
    told = browser.get(f"/console/sign-in/answer?code={answer['code']}&state={answer['state']}")
    assert told.status_code == 401


def test_a_provider_that_is_away_is_said_so(issuer: Issuer, browser: Browser) -> None:
    """While the provider does not answer, the page says that, and keys still sign in."""
    issuer.status = 500
    browser.get("/console/sign-in")
    answer = browser.get("/console/sign-in/identity")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "identity provider" in browser.words


def test_there_is_no_such_way_without_the_setting(local: Local) -> None:
    """Without a client id neither the page nor the path exists."""
    app = console_app(compose(local.settings, local.clock), local.settings, clock=local.clock)
    browser = Browser(app.test_client())
    browser.get("/console/sign-in")
    assert "with your account" not in browser.words
    assert browser.get("/console/sign-in/identity").status_code == 404


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"jwt_issuer": "", "jwt_jwks_url": ""}, "JWT_ISSUER"),
        ({"console_url": ""}, "CONSOLE_URL"),
        ({"console_url": "ftp://x"}, "CONSOLE_URL"),
    ],
)
def test_half_a_configuration_does_not_start(local: Local, issuer: Issuer, changes: dict[str, str], word: str) -> None:
    """A client id needs to know the issuer, its keys, and where people come back to."""
    fields = settings_with(local, issuer).model_dump() | changes
    with pytest.raises(ValueError, match=word):
        Settings.model_validate(fields)
