"""An org with two months of charges, and another one; both for the whole session, and only read."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local
from tests.functions.costs.charges import Charge, charges, org_with_costs

Get = Callable[..., TestResponse]


@pytest.fixture(scope="session")
def found() -> list[Charge]:
    """The org's charges."""
    return charges()


@pytest.fixture(scope="session")
def org(session_cloud: Local, found: list[Charge]) -> OnboardedOrg:
    return org_with_costs(session_cloud, "costs_org", found)


@pytest.fixture(scope="session")
def other_org(session_cloud: Local) -> OnboardedOrg:
    """An org whose charges nobody else may see."""
    return org_with_costs(session_cloud, "costs_other", charges(seed=2, rows_per_day=1)[:9])


@pytest.fixture
def get(api: FlaskClient, org: OnboardedOrg) -> Get:
    """Asks for the org's costs."""

    def ask(path: str = "", headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        sent = {"X-API-Key": org.api_key, **(headers or {})}
        return api.get(f"/api/v1/costs/{org.org_slug}{path}", headers=sent, query_string=query)

    return ask
