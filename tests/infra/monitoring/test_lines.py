"""The metrics count the lines that functions and jobs really write."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from cloudact.runs.run_cost import Cost
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.routes import public_app
from localcloud.processes import free_port
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run, load_fixture_export
from tests.functions.fleet import Fleet, new_fleet
from tests.functions.operators import AUDIENCE
from tests.infra.monitoring.files import metrics
from tests.jobs.conftest import RunJob, run_job
from tests.log_lines import written_lines
from tests.logging_query import Entry, compiled, entry, field

__all__ = ["run_job"]
FUNCTION, JOB = "cloud_run_revision", "cloud_run_job"


def counted(lines: Iterable[str], resource_type: str) -> dict[str, int]:
    """How many of the lines each metric counts; of those, every label and value can be extracted."""
    entries = [entry(line, resource_type) for line in lines]
    found = {}
    for name, metric in metrics().items():
        matching = [one for one in entries if compiled(metric["filter"])(one)]
        for one in matching:
            _check_extracted(metric, one)
        if matching:
            found[name] = len(matching)
    return found


def _check_extracted(metric: dict[str, Any], found: Entry) -> None:
    extracted = [*metric.get("labelExtractors", {}).values()]
    if "valueExtractor" in metric:
        extracted.append(metric["valueExtractor"])
        assert float(field(found, metric["valueExtractor"][8:-1])) >= 0
    for extractor in extracted:
        assert field(found, extractor.removeprefix("EXTRACT(").removesuffix(")")) is not None, (extractor, found)


@pytest.fixture
def fleet(local: Local) -> Fleet:
    return new_fleet(local)


def swept(fleet: Fleet) -> list[str]:
    """What a sweep writes."""
    with written_lines() as lines:
        answer = fleet.ops().post("/ops/sweep", headers={"Authorization": f"Bearer {fleet.token}"})
    assert answer.status_code == 200, answer.get_json()
    return lines.text


def test_requests(api: FlaskClient, new_org: NewOrgs) -> None:
    """Every answer is a request; one that the quota refuses is a refusal too; a healthy process is not worth a line."""
    org = new_org(daily_limit=0)
    with written_lines() as lines:
        api.get("/api/v1/nothing")
        api.get("/health")
        path = f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing"
        assert api.post(path, headers={"X-API-Key": org.api_key}).status_code == 429
    assert counted(lines.text, FUNCTION) == {"cloudact_requests": 2, "cloudact_quota_refusals": 1}


def test_strangers_who_are_turned_away(api: FlaskClient) -> None:
    """A storm of unknown keys is no org's quota: its 429s are requests alone."""
    with written_lines() as lines:
        keys = [f"acme_api_{number:043}" for number in range(30)]
        answers = [api.get("/api/v1/pipelines/acme/runs", headers={"X-API-Key": key}).status_code for key in keys]
    assert set(answers) == {401, 429}
    assert counted(lines.text, FUNCTION) == {"cloudact_requests": 30}


def test_a_server_error(local: Local) -> None:
    """A 503 is a request too, with its status."""
    nobody = local.settings.model_copy(update={"bigquery_endpoint": f"http://127.0.0.1:{free_port()}"})
    api = public_app(compose(nobody, local.clock, patience_s=0.2)).test_client()
    with written_lines() as lines:
        key = f"acme_api_{'x' * 43}"
        assert api.get("/api/v1/pipelines/acme/runs", headers={"X-API-Key": key}).status_code == 503
    assert counted(lines.text, FUNCTION) == {"cloudact_requests": 1}
    assert lines.of("request")[0]["status"] == 503


def test_runs_that_end(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """A job's end is counted once, with what it cost; a second delivery, or a failed try, ends nothing."""
    org = new_org()
    load_fixture_export(local, org)
    with written_lines() as lines:
        run_job(billing_run(org))
        run_job(billing_run(org), execution="runner-2")
        run_job(billing_run(new_org()), last=True)
    ended = lines.of("run_ended")
    assert [(told["status"], told["code"]) for told in ended] == [("SUCCESS", "none"), ("FAILED", "source_not_found")]
    assert Decimal(ended[0]["cost_usd"]) == Decimal(ended[0]["compute_usd"]) + Decimal(ended[0]["bigquery_usd"])
    assert counted(lines.text, JOB) == {"cloudact_runs_ended": 2, "cloudact_run_seconds": 1, "cloudact_run_cost_usd": 2}


def test_a_cancelled_run_ends_once(local: Local, new_org: NewOrgs, api: FlaskClient, run_job: RunJob) -> None:
    """Whoever cancels counts it; the container that finds its run cancelled does not count it again."""
    org = new_org()
    local.ledger.append_run(billing_run(org), RunEvent(Status.RUNNING, started_at=NOON, execution="runner-abc"), NOON)
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{billing_run(org).run_id}/cancel"
    with written_lines() as lines:
        assert api.post(path, headers={"X-API-Key": org.api_key}).status_code == 202
        run_job(billing_run(org))
    assert [told["status"] for told in lines.of("run_ended")] == ["CANCELLED"]


def test_a_sweep_that_finds_nothing(fleet: Fleet) -> None:
    """It has its line all the same, with zeros: that none is written is how a dead scheduler is seen."""
    lines = swept(fleet)
    assert counted(lines, FUNCTION) == {
        "cloudact_requests": 1,
        "cloudact_sweeps": 1,
        "cloudact_oldest_pending_seconds": 1,
    }
    (told,) = [one["jsonPayload"] for one in (entry(line, FUNCTION) for line in lines) if "stuck_runs" in str(one)]
    assert (told["found"], told["oldest_pending_s"], told["stuck_runs"]) == (0, 0, 0)


def test_a_sweep_that_finds_something(fleet: Fleet, new_org: NewOrgs) -> None:
    """A lost run is stuck, settled and counted as ended, with what its tries had cost; one that waits has its age."""
    org = new_org()
    lost, waits = billing_run(org), billing_run(org, FIXTURE_DAY - dt.timedelta(days=1))
    cost = Cost(Decimal(30), Decimal(30), 0, Decimal("0.0006"), Decimal(0), dt.date(2026, 11, 27))
    told = RunEvent(Status.RUNNING, started_at=NOON, execution="gone", attempt=0, cost=cost)
    fleet.ledger.append_run(lost, told, NOON)
    fleet.local.clock.advance(minutes=11)
    fleet.ledger.append_run(waits, RunEvent(Status.PENDING), fleet.local.clock() - dt.timedelta(minutes=3))
    lines = swept(fleet)
    found = [one["jsonPayload"] for one in (entry(line, FUNCTION) for line in lines)]
    (line,) = [told for told in found if told.get("event") == "swept"]
    assert {name: line[name] for name in ("settled", "enqueued", "found", "oldest_pending_s", "stuck_runs")} == {
        "settled": 1, "enqueued": 0, "found": 1, "oldest_pending_s": 180, "stuck_runs": 1,
    }  # fmt: skip
    (ended,) = [told for told in found if told.get("event") == "run_ended"]
    assert (ended["status"], ended["code"], ended["cost_usd"]) == ("FAILED", "lost", "0.0006")
    assert set(counted(lines, FUNCTION)) == {
        "cloudact_requests", "cloudact_sweeps", "cloudact_sweeps_with_findings", "cloudact_sweeps_with_stuck_runs",
        "cloudact_oldest_pending_seconds", "cloudact_runs_ended", "cloudact_run_cost_usd",
    }  # fmt: skip
    assert "cloudact_runs_ended" not in counted(swept(fleet), FUNCTION)


def test_a_sweep_that_fails_is_none(fleet: Fleet) -> None:
    """A call that could not look at the runs is not counted as a sweep."""
    nobody = fleet.settings.model_copy(
        update={"bigquery_endpoint": f"http://127.0.0.1:{free_port()}", "ops_audience": AUDIENCE}
    )
    ops = private_app(compose(nobody, fleet.local.clock, patience_s=0.2), Caller(nobody)).test_client()
    with written_lines() as lines:
        assert ops.post("/ops/sweep", headers={"Authorization": f"Bearer {fleet.token}"}).status_code == 503
    assert counted(lines.text, FUNCTION) == {"cloudact_requests": 1}


def test_the_daily_call(fleet: Fleet) -> None:
    """It is counted also where nothing was due."""
    with written_lines() as lines:
        fleet.daily()
    assert counted(lines.text, FUNCTION) == {"cloudact_requests": 1, "cloudact_daily_calls": 1}


def test_a_renamed_field_would_be_noticed() -> None:
    """The evaluator itself: what is not there matches nothing, numbers are compared as numbers."""
    line = entry('{"severity":"WARNING","event":"swept","found":9,"status":"FAILED"}', FUNCTION)
    for query, expected in {
        'resource.type="cloud_run_revision" AND jsonPayload.event="swept"': True,
        "jsonPayload.found>10": False,
        "jsonPayload.found>=9 AND NOT jsonPayload.status=SUCCESS": True,
        "jsonPayload.finds>0": False,
        "jsonPayload.finds:* OR severity>=ERROR": False,
        "(severity>=WARNING OR jsonPayload.found=1) AND jsonPayload.found:*": True,
    }.items():
        assert compiled(query)(line) is expected, query
