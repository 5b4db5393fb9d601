"""An org with two months of charges, and another one; both for the whole session, and only read."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import NOON, Local
from tests.fault_proxy import Doorman
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
def get(local: Local, instance: FlaskClient, org: OnboardedOrg) -> Get:
    """Asks for the org's costs, at noon."""
    assert local.clock.now == NOON
    return costs_of(instance, org)


def costs_of(api: FlaskClient, org: OnboardedOrg) -> Get:
    """What asks the API for the costs of this org."""

    def ask(path: str = "", headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        sent = {"X-API-Key": org.api_key, **(headers or {})}
        # Read to its end, since an export of rows counts as one that is open until then.
        return api.get(f"/api/v1/costs/{org.org_slug}{path}", headers=sent, query_string=query, buffered=True)

    return ask


class Watched(Doorman):
    """BigQuery, as seen from its door."""

    def asked(self) -> list[int]:
        """Queries of costs and looks at tables' metadata since the last time."""
        seen, self.seen = self.seen, []
        return [sum(line.endswith("/queries") for line in seen), sum("/tables/" in line for line in seen)]


@pytest.fixture
def door(local: Local) -> Iterator[Watched]:
    door = Watched(local.settings.bigquery_endpoint)
    yield door
    door.close()


@pytest.fixture
def watched_api(local: Local, door: Watched) -> FlaskClient:
    changed = local.settings.model_copy(update={"bigquery_endpoint": door.url})
    return public_app(compose(changed, local.clock)).test_client()
