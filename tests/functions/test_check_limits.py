"""How often an org may have its credentials checked: each check calls a provider and Cloud KMS."""

from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.auth.limits import CHECKS
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs

PATH = "/api/v1/integrations/{}/openai/{}"


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


def check(api: FlaskClient, org: OnboardedOrg, verb: str, **body: Any) -> TestResponse:
    options = {"json": {"credential": org.credentials["OPENAI"]["api_key"]} | body} if verb == "setup" else {}
    return api.post(PATH.format(org.org_slug, verb), headers={"X-API-Key": org.api_key}, **options)


def test_set_ups_and_validations_are_limited(
    api: FlaskClient, org: OnboardedOrg, new_org: NewOrgs, local: Local
) -> None:
    """Ten in all at once, then one in thirty seconds; what is above calls nobody, and holds up no other org."""
    verbs = ["setup" if number % 4 == 0 else "validate" for number in range(CHECKS.burst)]
    assert [check(api, org, verb).status_code for verb in verbs] == [200] * 10
    local.google.traffic.reset()
    requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)
    for verb in ("setup", "validate"):
        refused = check(api, org, verb)
        assert (refused.status_code, refused.get_json()["code"]) == (429, "checks_limited")
        assert (refused.mimetype, refused.headers["Retry-After"]) == ("application/problem+json", "30")
    counted = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
    assert (counted, local.google.traffic.summary()) == ({}, {})
    assert check(api, new_org(), "validate").status_code == 200
    listed = api.get(f"/api/v1/integrations/{org.org_slug}", headers={"X-API-Key": org.api_key})
    assert listed.status_code == 200
    local.clock.advance(seconds=30)
    assert [check(api, org, "validate").status_code for _ in range(2)] == [200, 429]


def test_what_is_refused_by_its_form_counts_for_nothing(api: FlaskClient, org: OnboardedOrg) -> None:
    """A body that cannot be read, and a stranger's request, leave the org all its checks."""
    for number in range(CHECKS.burst + 1):
        assert check(api, org, "setup", unknown=1).status_code == 400
        stranger = {"X-API-Key": f"{org.org_slug}_api_{number:043}"}
        assert api.post(PATH.format(org.org_slug, "validate"), headers=stranger).status_code == 401
    assert check(api, org, "validate").status_code == 200
