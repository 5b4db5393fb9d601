"""What the functions write about a request: whose it is, which trace it belongs to, and nothing that it carries."""

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from functions.composition import compose
from functions.routes import public_app
from functions.web.trace import trace_fields
from localcloud.google_apis.rest.faults import Fault
from tests.conftest import Local, NewOrgs, billing_run
from tests.functions.operators import Operator
from tests.log_lines import written_lines
from tests.sessions import bearer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
W3C = f"00-{TRACE}-{SPAN}-01"
FIELD = "logging.googleapis.com/"


def test_a_request_has_one_line(api: FlaskClient, new_org: NewOrgs) -> None:
    """Method, route, status and latency, in fields of ours and in Cloud Logging's own; and whose request it is."""
    org = new_org()
    headers = {"X-API-Key": org.api_key, "X-Request-ID": "mine-1", "traceparent": W3C}
    with written_lines() as lines:
        api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers=headers)
    (line,) = lines.of("request")
    route = "/api/v1/pipelines/<org>/runs"
    assert (line["method"], line["route"], line["status"], line["severity"]) == ("GET", route, 200, "INFO")
    assert (line["org_slug"], line["request_id"]) == (org.org_slug, "mine-1")
    assert line["latency_ms"] >= 0
    shown = line["httpRequest"]
    assert (shown["requestMethod"], shown["requestUrl"], shown["status"]) == ("GET", route, 200)
    assert float(shown["latency"].removesuffix("s")) >= 0
    assert line[FIELD + "trace"] == f"projects/cloudact-local/traces/{TRACE}"
    assert (line[FIELD + "spanId"], line[FIELD + "trace_sampled"]) == (SPAN, True)


def test_every_line_of_a_trigger(api: FlaskClient, new_org: NewOrgs) -> None:
    """Lines on the way have request, org, run and trace too, also where something goes wrong."""
    org = new_org(daily_limit=1)
    path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
    headers = {"X-API-Key": org.api_key, "traceparent": W3C, "X-Request-ID": "mine-2"}
    with written_lines() as lines:
        run_id = api.post(path, headers=headers).get_json()["run_id"]
    assert len(lines.told) > 1  # the request, and that the quota is reached
    for line in lines.told:
        assert (line["request_id"], line["org_slug"], line["run_id"]) == ("mine-2", org.org_slug, run_id)
        assert line[FIELD + "trace"].endswith(TRACE)


def test_threads_of_a_request_write_in_its_name(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """What the threads of a backfill write belongs to the request, and nothing of it is left for the next one."""
    org = new_org()
    local.google.faults.add(Fault(api="tasks", method="CreateTask", kind="error", status=503, times=1))
    body = {"pipeline": "gcp_billing", "start_date": "2026-11-01", "end_date": "2026-11-03"}
    with written_lines(logging.DEBUG) as lines:
        headers = {"X-API-Key": org.api_key, "X-Request-ID": "mine-3"}
        api.post(f"/api/v1/pipelines/{org.org_slug}/backfill", headers=headers, json=body)
        written = len(lines.told)
        api.get("/api/v1/nothing", headers={"X-Request-ID": "next"})
    local.google.faults.clear()
    assert sum("/queues/runs/tasks" in line["message"] for line in lines.told[:written]) == 4  # one was tried again
    assert {line.get("request_id") for line in lines.told[:written]} == {"mine-3"}
    (following,) = lines.told[written:]
    assert (following["request_id"], "org_slug" in following) == ("next", False)


def test_strangers_name_no_org(api: FlaskClient, new_org: NewOrgs) -> None:
    """What is not proven is not written as a fact: an org stands in lines once its caller is known."""
    org = new_org()
    with written_lines() as lines:
        api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers={"X-API-Key": f"{org.org_slug}_api_{'x' * 43}"})
        api.get("/api/v1/pipelines/%0Aevil%22/runs")
        api.open("/api/v1/nothing", method="EVIL" * 20)
    assert not any("org_slug" in line for line in lines.told)
    assert [(line["route"], line["status"]) for line in lines.of("request")] == [
        ("/api/v1/pipelines/<org>/runs", 401), ("/api/v1/pipelines/<org>/runs", 401), ("(unknown)", 404),
    ]  # fmt: skip
    assert lines.of("request")[-1]["method"] == "(unknown)"


def test_ops_names_the_org(local: Local, new_org: NewOrgs) -> None:
    """An operator's request is about the org in its path."""
    org = new_org()
    with written_lines() as lines:
        Operator(local).call("GET", f"/{org.org_slug}")
    assert [line["org_slug"] for line in lines.of("request")] == [org.org_slug]


def test_probes_are_silent_while_all_is_well(api: FlaskClient) -> None:
    """Health checks come every few seconds; they have a line only if they fail."""
    with written_lines() as lines:
        for path in ("/health", "/api/v1/health", "/health/ready"):
            assert api.get(path).status_code == 200
    assert lines.told == []


def test_no_line_holds_what_a_request_carries(local: Local, new_org: NewOrgs) -> None:
    """No key, session, query, body or path is in any line, of requests that do well, are refused, or fail."""
    org = new_org()
    session = bearer(local, org.user_id)
    secrets = [org.api_key, session["Authorization"], "secret-query", "secret-body", "secret-path"]
    path = f"/api/v1/pipelines/{org.org_slug}"
    key = {"X-API-Key": org.api_key}
    nobody = local.settings.model_copy(update={"bigquery_endpoint": "http://127.0.0.1:9"})
    failing = public_app(compose(nobody, local.clock, patience_s=0.2)).test_client()
    with written_lines(logging.DEBUG) as lines:
        for client in (public_app(compose(local.settings, local.clock)).test_client(), failing):
            asked: dict[str, dict[str, Any]] = {"key": key, "person": session}
            for headers in asked.values():
                client.get(f"{path}/runs?status=secret-query", headers=headers)
                client.get(f"{path}/runs/secret-path", headers=headers)
                client.post(f"{path}/backfill", headers=headers, json={"secret-body": 1})
                client.post(
                    f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/secret-path?x=secret-query", headers=headers
                )
                client.get(f"{path}/runs", headers=headers)
    text = "\n".join(line for line in lines.text if '"logger": "urllib3' not in line)  # it is not on at INFO
    assert len(lines.of("request")) == 20
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": W3C}, (TRACE, SPAN, True)),
        ({"traceparent": W3C[:-2] + "00"}, (TRACE, SPAN, False)),
        ({"traceparent": "01" + W3C[2:] + "-more"}, (TRACE, SPAN, True)),
        ({"X-Cloud-Trace-Context": f"{TRACE}/1;o=1"}, (TRACE, "0000000000000001", True)),
        ({"X-Cloud-Trace-Context": f"{TRACE}/18446744073709551615"}, (TRACE, "f" * 16, False)),
        ({"X-Cloud-Trace-Context": TRACE}, (TRACE, None, False)),
        ({"traceparent": "nonsense", "X-Cloud-Trace-Context": f"{TRACE}/1;o=1"}, (TRACE, "0000000000000001", True)),
    ],
)
def test_traces(headers: dict[str, str], expected: tuple[str, str | None, bool]) -> None:
    """Both headers are understood, the W3C's first."""
    told = trace_fields(Headers(headers), "p")
    assert (told[FIELD + "trace"], told.get(FIELD + "spanId"), told[FIELD + "trace_sampled"]) == (
        f"projects/p/traces/{expected[0]}",
        *expected[1:],
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": ""},
        {"traceparent": W3C.upper()},
        {"traceparent": f"ff{W3C[2:]}"},
        {"traceparent": f"{W3C}-more"},
        {"traceparent": f"00-{'0' * 32}-{SPAN}-01"},
        {"traceparent": f"00-{TRACE}-{'0' * 16}-01"},
        {"traceparent": W3C.replace("a", "\u0661")},
        {"traceparent": W3C + '","severity":"EMERGENCY'},
        {"traceparent": W3C * 1000},
        {"X-Cloud-Trace-Context": f"{TRACE}/18446744073709551616"},
        {"X-Cloud-Trace-Context": f"../../{TRACE}"},
        {"X-Cloud-Trace-Context": f"{'0' * 32}/1"},
        {"X-Cloud-Trace-Context": f"{TRACE}/1;o=1;x"},
    ],
)
def test_hostile_traces(headers: dict[str, str]) -> None:
    """Whatever is not exactly of the form is no trace."""
    assert trace_fields(Headers(headers), "p") == {}


def test_a_run_is_named_once_it_is_found(api: FlaskClient, new_org: NewOrgs) -> None:
    """A run that does not exist is not named; its route is."""
    org = new_org()
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{billing_run(org).run_id}"
    with written_lines() as lines:
        api.get(path, headers={"X-API-Key": org.api_key})
    (line,) = lines.of("request")
    assert (line["status"], "run_id" in line) == (404, False)
