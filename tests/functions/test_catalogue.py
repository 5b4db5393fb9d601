"""GET /validator/pipelines: the public catalogue."""

from flask.testing import FlaskClient


def test_the_catalogue(api: FlaskClient) -> None:
    """Without a key, every pipeline is listed with what it needs and takes."""
    answer = api.get("/api/v1/validator/pipelines")
    body = answer.get_json()
    assert (body["success"], body["total"]) == (True, 3)
    assert body["pipelines"][0] == {
        "id": "gcp_billing",
        "name": "GCP Billing",
        "description": "Daily cost of every Google Cloud project, from the Cloud Billing export",
        "provider": "gcp",
        "domain": "cost",
        "pipeline": "billing",
        "required_integration": "GCP_SA",
        "enabled": True,
        "schedule": "daily",
        "parameters": [
            {
                "name": "date",
                "type": "string",
                "required": False,
                "default": "yesterday",
                "description": "UTC date to process (YYYY-MM-DD)",
            }
        ],
    }
    assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_one_provider_and_one_pipeline(api: FlaskClient) -> None:
    """`?provider=` narrows the list; one pipeline is the bare object; an unknown one is 404."""
    listed = api.get("/api/v1/validator/pipelines?provider=openai").get_json()
    assert [entry["id"] for entry in listed["pipelines"]] == ["openai_usage_cost"]
    assert api.get("/api/v1/validator/pipelines/gcp_billing").get_json()["pipeline"] == "billing"
    assert api.get("/api/v1/validator/pipelines/aws").status_code == 404


def test_an_unchanged_catalogue_is_not_sent_again(api: FlaskClient) -> None:
    """The ETag of an earlier answer gets 304."""
    etag = api.get("/api/v1/validator/pipelines").headers["ETag"]
    assert api.get("/api/v1/validator/pipelines", headers={"If-None-Match": etag}).status_code == 304
