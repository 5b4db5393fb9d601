"""What tests of `ops` are made of: the function, and a caller that it knows."""

from datetime import UTC, datetime
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from localcloud.stack import SCHEDULER
from localcloud.wire.telling import tell
from tests.conftest import Local

AUDIENCE = "http://ops.test"


class Operator:
    """An operator who calls `ops` with a token of their own."""

    def __init__(self, local: Local) -> None:
        settings = local.settings.model_copy(update={"ops_audience": AUDIENCE})
        self.client: FlaskClient = private_app(compose(settings, local.clock), Caller(settings)).test_client()
        self.headers = {"Authorization": f"Bearer {operator_token(local)}"}

    def call(self, method: str, path: str = "", **options: Any) -> TestResponse:
        return self.client.open(f"/ops/orgs{path}", method=method, headers=self.headers, **options)

    def onboard(self, org_slug: Any, **facts: Any) -> TestResponse:
        return self.call("POST", json={"org_slug": org_slug, **facts})

    def offboard(self, org_slug: str, **body: Any) -> TestResponse:
        return self.call("DELETE", f"/{org_slug}", json={"confirm": org_slug, **body})


def operator_token(local: Local, service_account: str = SCHEDULER, audience: str = AUDIENCE) -> str:
    """What Google signs for who may call; tokens are signed and verified in real time."""
    now, local.clock.now = local.clock.now, datetime.now(UTC)
    asked = {"service_account": service_account, "audience": audience, "lifetime_s": 3600}
    answer = tell(f"{local.settings.run_endpoint}/local/oidc_token", asked)
    local.clock.now = now
    return str(answer["token"])


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["detail"]
