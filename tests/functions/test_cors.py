"""Browsers: whose scripts may call, with what, and what they may see of the answer."""

import pytest
from flask.testing import FlaskClient

from cloudact.errors import ConfigError
from cloudact.settings import Settings
from functions.composition import compose
from functions.routes import public_app
from tests.conftest import Local, NewOrgs

APP, OTHER = "https://app.example.com", "http://localhost:3000"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key,content-type"}


@pytest.fixture
def browsed(local: Local) -> FlaskClient:
    """The API of a deployment with two origins."""
    settings = local.settings.model_copy(update={"cors_origins": f"{APP}, {OTHER}"})
    return public_app(compose(settings, local.clock)).test_client()


@pytest.mark.parametrize("origin", [APP, OTHER])
def test_a_preflight(browsed: FlaskClient, origin: str) -> None:
    """An allowed origin learns, without a key, what its scripts may send."""
    answer = browsed.options("/api/v1/pipelines/run/acmecorp/gcp/cost/billing", headers={"Origin": origin} | PREFLIGHT)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, PUT, DELETE"
    assert set(answer.headers["Access-Control-Allow-Headers"].split(", ")) == {
        "X-API-Key", "Authorization", "Content-Type", "If-Match", "If-None-Match", "Prefer", "X-Request-ID",
    }  # fmt: skip
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", "https://app.example.com.evil.com", "http://app.example.com", "null", "*", ""],
)
def test_other_origins(browsed: FlaskClient, origin: str) -> None:
    """Any other origin is told nothing, but that answers differ by origin."""
    for answer in (
        browsed.options("/api/v1/pipelines/acmecorp/runs", headers={"Origin": origin} | PREFLIGHT),
        browsed.get("/api/v1/validator/pipelines", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert answer.headers["Vary"] == "Origin"


def test_answers_and_refusals(browsed: FlaskClient, new_org: NewOrgs) -> None:
    """Scripts may read answers, refusals and their headers alike."""
    org = new_org()
    for path, key, status in (("runs", org.api_key, 200), ("runs", "x", 401), ("nothing", org.api_key, 404)):
        headers = {"Origin": APP, "X-API-Key": key}
        answer = browsed.get(f"/api/v1/pipelines/{org.org_slug}/{path}", headers=headers)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, APP)
        assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == {
            "ETag", "Location", "Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID",
        }  # fmt: skip
    big = browsed.post("/api/v1/pipelines/run/a/b/c", headers={"Origin": APP}, data=b"x" * 300_000)
    assert (big.status_code, big.headers["Access-Control-Allow-Origin"]) == (413, APP)


def test_options_that_is_no_preflight(browsed: FlaskClient) -> None:
    """OPTIONS without a preflight's headers is a method like any other that is not there."""
    answer = browsed.options("/api/v1/pipelines/acmecorp/runs")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")


@pytest.mark.parametrize(
    "origins", ["*", "app.example.com", "https://app.example.com/", "https://*.example.com", "null"]
)
def test_what_is_no_origin(local: Local, origins: str) -> None:
    """A wildcard or an address with a path stops the deployment instead of matching nothing, or everything."""
    with pytest.raises(ConfigError, match="CORS_ORIGINS"):
        Settings.from_env(local.settings.to_env() | {"CLOUDACT_CORS_ORIGINS": origins})
