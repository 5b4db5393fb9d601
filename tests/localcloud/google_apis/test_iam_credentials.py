"""generateAccessToken as IAM Credentials answers it: over the wire, and by google-auth's own client of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.impersonated_credentials import Credentials
from google.auth.transport.requests import Request

from localcloud.google_apis.clock import utc_now
from localcloud.google_apis.local_cloud import LocalCloud, Settings
from providers.gcp.impersonation import Nobody, act_as

BIGQUERY, IAM = (f"https://www.googleapis.com/auth/{name}" for name in ("bigquery", "iam"))
READER, ACCOUNT = "reader@ours.iam.gserviceaccount.com", "cloudact-0a@acme.iam.gserviceaccount.com"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A local cloud in which our processes may act as the reader, and the reader as the customer's account."""
    cloud = LocalCloud(Settings(tmp_path, dispatching=False))
    cloud.start()
    let(cloud.url, READER, "anonymous")
    let(cloud.url, ACCOUNT, READER)
    yield cloud.url
    cloud.stop()


def let(url: str, account: str, *creators: str, **more: Any) -> None:
    body = {"service_account": account, "token_creators": creators, **more}
    requests.post(f"{url}/local/impersonation", json=body, timeout=5).raise_for_status()


def ask(url: str, account: str, token: str = "", **body: Any) -> tuple[int, dict[str, Any]]:
    where = f"{url}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(where, json={"scope": [BIGQUERY], **body}, headers=headers, timeout=5)
    return answer.status_code, answer.json()


def test_a_token_in_two_steps(url: str) -> None:
    """Our credentials end with a token of the customer's account that lives a quarter of an hour."""
    credentials: Any = act_as(ACCOUNT, [BIGQUERY], reader=READER, own=Nobody(), endpoint=url)  # type: ignore[no-untyped-call]
    credentials.refresh(Request())
    assert credentials.token == f"ya29.local-{ACCOUNT}"
    left = credentials.expiry.replace(tzinfo=utc_now().tzinfo) - utc_now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


def test_googles_own_client(url: str) -> None:
    """google-auth takes the answer as it takes Google's, also through a delegate."""
    where = f"{url}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    delegates = [f"projects/-/serviceAccounts/{READER}"]
    asking: Any = Credentials
    own = Nobody()  # type: ignore[no-untyped-call]
    credentials = asking(own, ACCOUNT, [BIGQUERY], delegates=delegates, iam_endpoint_override=where)
    credentials.refresh(Request())
    assert credentials.token == f"ya29.local-{ACCOUNT}"
    direct = asking(own, ACCOUNT, [BIGQUERY], iam_endpoint_override=where)
    with pytest.raises(RefreshError, match=r"iam\.serviceAccounts\.getAccessToken"):
        direct.refresh(Request())


def test_the_answer(url: str) -> None:
    """A token and when it ends, to the second, an hour from now where nothing else is asked for."""
    status, told = ask(url, READER)
    assert (status, set(told)) == (200, {"accessToken", "expireTime"})
    ends = datetime.strptime(f"{told['expireTime']}+0000", "%Y-%m-%dT%H:%M:%SZ%z")
    assert timedelta(minutes=59) < ends - utc_now() <= timedelta(hours=1)


@pytest.mark.parametrize(
    "body",
    [
        {"scope": []},
        {"scope": ["bigquery"]},
        {"lifetime": "3601s"},
        {"lifetime": "0s"},
        {"lifetime": "-1s"},
        {"lifetime": 900},
        {"lifetime": "15m"},
        {"scopes": [BIGQUERY]},
    ],
)
def test_what_is_no_request(url: str, body: dict[str, Any]) -> None:
    """Scopes, lifetimes and fields that Google does not take are INVALID_ARGUMENT."""
    status, told = ask(url, READER, **body)
    assert (status, told["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_who_may_not(url: str) -> None:
    """Without the grant, or by a token without the scope, 403 with Google's reason; no account, 404; no token, 401."""
    reader, narrow = ask(url, READER, scope=[IAM])[1]["accessToken"], ask(url, READER)[1]["accessToken"]
    assert narrow == reader  # the same account's; what it may be used for is what was asked for last
    assert reason(ask(url, ACCOUNT, narrow)) == (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
    reader = ask(url, READER, scope=[IAM])[1]["accessToken"]
    assert ask(url, ACCOUNT, reader)[0] == 200
    assert reason(ask(url, ACCOUNT)) == (403, "IAM_PERMISSION_DENIED")
    assert ask(url, "nobody@acme.iam.gserviceaccount.com", reader)[0] == 404
    assert ask(url, ACCOUNT, "ya29.made-up")[0] == 401
    let(url, ACCOUNT, READER, api_disabled=True)
    assert reason(ask(url, ACCOUNT, reader)) == (403, "SERVICE_DISABLED")


def reason(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    return answer[0], answer[1]["error"]["details"][0]["reason"]
