"""The client for Python programs, against the real function and against one that misbehaves."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Response

from cli.client import Client
from cli.failures import RefusedByApi, StillRunning, Usage
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell, Stub
from tests.conftest import FIXTURE_DAY, NOON, Local, billing_run
from tests.sessions import bearer


@pytest.fixture
def client(urls: dict[str, str], org: OnboardedOrg) -> Client:
    return Client(urls["CLOUDACT_API_URL"], org.org_slug, key=org.api_key)


def test_runs_are_started_and_listed(client: Client) -> None:
    """An id and a path name the same pipeline, the same request is the same run, and a list has all pages."""
    days = [FIXTURE_DAY - timedelta(days=each) for each in range(3)]
    with client:
        started = [client.start("gcp_billing", day.isoformat())["run_id"] for day in days]
        assert client.start("gcp/cost/billing", days[0].isoformat())["run_id"] == started[0]
        listed = [run["run_id"] for run in client.runs(limit=1, status="PENDING")]
        assert sorted(listed) == sorted(started)
        assert client.run(started[0])["status"] == "PENDING"


def test_a_run_is_waited_for(client: Client, local: Local, org: OnboardedOrg) -> None:
    """`wait` returns the run that has ended, and raises where that takes longer than allowed."""
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    with pytest.raises(StillRunning):
        client.wait(run.run_id, timeout_s=0.1)
    ended = RunEvent(Status.SUCCESS, started_at=NOON, rows=7)
    later = threading.Timer(0.5, local.ledger.append_run, (run, ended, NOON))
    later.start()
    assert client.wait({"run_id": run.run_id, "requested_date": "2026-11-12"})["rows_processed"] == 7
    later.join()


def test_who_calls(urls: dict[str, str], local: Local, org: OnboardedOrg) -> None:
    """A session is got for each call; without a credential only what is public answers; both at once are refused."""
    url = urls["CLOUDACT_API_URL"]
    session = bearer(local, org.user_id)["Authorization"].removeprefix("Bearer ")
    assert Client(url, org.org_slug, session=lambda: session).call("GET", "organizations", org.org_slug, "quota").body
    nobody = Client(url, org.org_slug)
    assert nobody.call("GET", "validator", "pipelines").body["total"] == 3
    with pytest.raises(RefusedByApi) as refused:
        nobody.run("x")
    assert (refused.value.status, refused.value.code) == (401, "api_key_required")
    with pytest.raises(Usage):
        Client(url, org.org_slug, key="k", session="s")


def test_trouble_is_told_to_the_program(
    stub: Callable[..., tuple[Stub, Shell]], capfd: pytest.CaptureFixture[str]
) -> None:
    """What passes is tried again, and nothing is printed but by whoever asks for it."""
    server, _ = stub([Response(status=503, headers={"Retry-After": "0"}), Response("{}", mimetype="application/json")])
    told: list[str] = []
    Client(server.url, "acme", key="k", tell=told.append).run("x")
    assert [text.endswith("Trying again in 0.0 s.") for text in told] == [True]
    assert "Trying again" not in capfd.readouterr().err
