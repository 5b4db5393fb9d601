"""The tokens that Cloud Tasks attaches, and the ones we mint for `ops`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import google.auth.transport.requests
import jwt
import pytest
import requests
from google.oauth2 import id_token

from localcloud.google_apis.clock import utc_now
from localcloud.google_apis.local_cloud import LocalCloud, Settings
from tests.localcloud.google_apis.conftest import Target, new_task

ACCOUNT = "scheduler@demo.iam.gserviceaccount.com"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """google-auth checks `exp` against the real time."""
    return replace(settings, clock=utc_now)


def verified(cloud: LocalCloud, token: str, audience: str) -> Mapping[str, Any]:
    transport = google.auth.transport.requests.Request()
    return id_token.verify_token(token, transport, audience, f"{cloud.url}/oauth2/v3/certs")


def test_a_minted_token_is_verified_by_google_auth(cloud: LocalCloud) -> None:
    """google-auth accepts our ID token against our key set: signature, audience, issuer, e-mail."""
    asked = {"service_account": ACCOUNT, "audience": "https://ops"}
    answer = requests.post(f"{cloud.url}/local/oidc_token", json=asked, timeout=5).json()
    claims = verified(cloud, answer["token"], "https://ops")
    assert (claims["iss"], claims["email"]) == ("https://accounts.google.com", ACCOUNT)
    assert claims["email_verified"] is True
    with pytest.raises(jwt.InvalidAudienceError):
        verified(cloud, answer["token"], "https://elsewhere")


def test_an_expired_token_is_refused(cloud: LocalCloud) -> None:
    """A token is of no use after its `exp`."""
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(cloud, cloud.issuer.id_token(ACCOUNT, "https://ops", lifetime_s=-60), "https://ops")


def test_a_task_carries_an_oidc_token(
    cloud: LocalCloud, tasks: Any, queue: str, target: Target, dispatch: Callable[[], int]
) -> None:
    """A task with oidc_token is sent with an ID token for that account; the audience defaults to the URL."""
    token = {"service_account_email": ACCOUNT}
    tasks.create_task(parent=queue, task=new_task(queue, url=target.url, oidc_token=token))
    dispatch()
    scheme, _, sent = target.requests[0].headers["Authorization"].partition(" ")
    assert scheme == "Bearer"
    assert verified(cloud, sent, target.url)["email"] == ACCOUNT


def test_a_task_carries_an_oauth_token(tasks: Any, queue: str, target: Target, dispatch: Callable[[], int]) -> None:
    """A task with oauth_token is sent with an access token, whatever Authorization it asked for itself."""
    fields: dict[str, Any] = {
        "oauth_token": {"service_account_email": ACCOUNT},
        "headers": {"authorization": "Basic x"},
    }
    tasks.create_task(parent=queue, task=new_task(queue, url=target.url, **fields))
    dispatch()
    assert target.requests[0].headers.get_all("Authorization") == [f"Bearer ya29.local-{ACCOUNT}"]


def test_the_signing_key_survives_a_restart(settings: Settings, start_cloud: Callable[[Settings], LocalCloud]) -> None:
    """A token from before a restart is still verified after it, and only the owner can read the key (ours)."""
    first = start_cloud(settings)
    token = first.issuer.id_token(ACCOUNT, "https://ops")
    first.stop()
    assert verified(start_cloud(settings), token, "https://ops")["email"] == ACCOUNT
    assert (settings.state_dir / "oidc_key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("body", ["", "[]", '{"audience": "x"}', '{"service_account": "a", "audience": "b", "c": 1}'])
def test_a_malformed_request_for_a_token_is_refused(cloud: LocalCloud, body: str) -> None:
    """POST /local/oidc_token takes exactly service_account, audience and, if wanted, lifetime_s (ours)."""
    assert requests.post(f"{cloud.url}/local/oidc_token", data=body, timeout=5).status_code == 400
