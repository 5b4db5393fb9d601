"""The OpenAPI document of `ops`: valid, complete, for callers only, and kept by the running function."""

import json

import pytest
from openapi_spec_validator import validate

from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import OPS, PRIVATE, private_app
from functions.web.openapi import document, paths_of
from tests.conftest import NOON, Local
from tests.functions.fleet import new_fleet
from tests.functions.operators import AUDIENCE, Operator
from tests.functions.test_openapi import Schemas, by_label, keeps_its_word, known

DOCUMENT = json.loads(json.dumps(document(OPS, PRIVATE)))
SLUG, STRANGER = "ops_contract_org", "ops_contract_stranger"
PARTS = {"org": [SLUG, STRANGER], "fingerprint": ["0123456789abcdef"]}
# What a JSON schema cannot say: reserved slugs and names of spaces, plans that exist, a slug that is typed again; and
# the org may be unknown, or off-boarded.
ACROSS_FIELDS = (
    "onboard",
    "offboard",
    "change_subscription",
    "new_key",
    "revoke_key",
    "show_org",
    "set_member",
    "remove_member",
)


def test_the_document_is_valid_and_for_callers_only(local: Local) -> None:
    """It is OpenAPI 3.1, told to whom `ops` lets in and to nobody else, and kept by no shared cache."""
    validate(DOCUMENT)
    operator = Operator(local)
    answer = operator.client.get("/openapi.json", headers=operator.headers)
    assert (answer.get_json(), answer.headers["Cache-Control"]) == (DOCUMENT, "private, no-cache")
    again = operator.client.get("/openapi.json", headers=operator.headers | {"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert operator.client.get("/openapi.json").status_code == 401


def test_every_route_is_documented_and_guarded(local: Local) -> None:
    """Each of Flask's routes is an endpoint, and all but /health refuse whoever brings no token."""
    operator = Operator(local)
    rules = operator.client.application.url_map.iter_rules()
    routes = {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD"}}
    assert routes == {(endpoint.method, base + endpoint.path) for endpoint in PRIVATE for base in endpoint.bases}
    for endpoint in PRIVATE:
        for path in paths_of(endpoint):
            operation = DOCUMENT["paths"][path][endpoint.method.lower()]
            assert operation["security"] == ([] if endpoint.public else [{"Operator": []}])
            status = operator.client.open(path, method=endpoint.method).status_code
            assert status == (200 if endpoint.name == "health" else 401), path


def test_no_example_is_a_secret() -> None:
    """Nothing in the document looks like a key, a token or a certificate."""
    text = json.dumps(DOCUMENT)
    assert not [mark for mark in ("_api_", "eyJ", "BEGIN", "ya29", "sk-") if mark in text]


@pytest.fixture(scope="module")
def running(session_cloud: Local) -> tuple[Schemas, dict[str, str]]:
    """The function over a service dataset of its own with one onboarded org: its schemas, and an operator's headers."""
    session_cloud.clock.now = NOON
    fleet = new_fleet(session_cloud)
    settings = fleet.settings.model_copy(update={"ops_audience": AUDIENCE})
    app = private_app(compose(settings, session_cloud.clock), Caller(settings))
    headers = {"Authorization": f"Bearer {fleet.token}"}
    assert app.test_client().post("/ops/orgs", json={"org_slug": SLUG}, headers=headers).status_code == 201
    return known(document(OPS, PRIVATE), PARTS, ACROSS_FIELDS, app, any_id="/members/"), headers


@pytest.mark.parametrize("operation", by_label(DOCUMENT))
def test_ops_keeps_its_word(running: tuple[Schemas, dict[str, str]], operation: str) -> None:
    """Whatever is sent: documented statuses, headers and shapes, no 5xx, and nobody gets in without a token."""
    schemas, headers = running
    keeps_its_word(schemas, operation, headers, examples=3)
