"""The check that every answered problem is listed can fail: it sees codes, types and statuses that no document has."""

import json

from flask import Response

from cloudact.error_codes import Code
from functions.web.app import App, create_app
from functions.web.problems import PROBLEM_JSON, Problem
from tests.listed_problems import PROBLEMS, Problems, is_listed, listed_codes


def test_what_no_document_lists_is_seen() -> None:
    """A code at the wrong endpoint, a type of another code and an unlisted status are noted; what is listed is not."""
    seen, app = Problems(), create_app("api", "p")
    app.add_url_rule("/health", "health", lambda: "ok")
    told = {"code": "quota_exceeded", "type": "/errors/quota_exceeded"}
    too_large = {"code": "body_too_large", "type": "/errors/body_too_large"}
    for status, document in (
        (429, told),
        (413, too_large | {"type": "about:blank"}),
        (400, too_large),
        (413, too_large),
    ):
        with app.test_request_context("/health"):
            seen.see(app, Response(json.dumps(document), status, content_type=PROBLEM_JSON))
    noted = seen.taken()
    assert [line.partition(" answers ")[0] for line in noted] == ["api: GET /health"] * 3
    assert seen.taken() == []


def test_every_app_of_ours_is_watched() -> None:
    """An endpoint that answers what it does not list is noted, whoever asks it."""
    app = create_app("api", "p")

    def health() -> Response:
        raise Problem(409, "No.", code=Code.RUN_FINAL)

    app.add_url_rule("/health", "health", health)
    assert isinstance(app, App)
    assert app.test_client().get("/health").status_code == 409
    assert [line.partition(" answers ")[0] for line in PROBLEMS.taken()] == ["api: GET /health"]


def test_a_route_lists_what_its_endpoint_does() -> None:
    """Codes are those of the route's method, and those of no endpoint where there is no route."""
    assert "run_unknown" in listed_codes("api", "GET", "/api/v1/pipelines/<org>/runs/<run_id>")[404]
    assert "run_unknown" not in listed_codes("api", "GET", "/api/v1/pipelines/<org>/runs").get(404, set())
    assert listed_codes("ops", "GET", None)[404] == {"endpoint_unknown"}


def test_a_provider_s_code_is_listed_for_all() -> None:
    """A provider that only tests know may fail as those that ship may."""
    assert is_listed("acme_refused", {"openai_refused"})
    assert not is_listed("acme_refused", {"openai_unavailable"})
    assert not is_listed("refused", {"run_final"})
