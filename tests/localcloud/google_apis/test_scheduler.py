"""Cloud Scheduler's stand-in: when it calls, as whom, and what it does about a failure."""

from collections.abc import Callable
from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from google.auth import jwt

from infra.rehearsal.schedules import is_cron
from localcloud.google_apis.local_cloud import LocalCloud
from localcloud.google_apis.scheduler.cron import Crontab
from localcloud.schedule import scheduled_calls
from tests.localcloud.google_apis.conftest import FakeClock, Target

SWEEP = {"name": "sweep", "schedule": "*/5 * * * *", "service_account": "s@x.iam.gserviceaccount.com", "deadline_s": 5}
Called = Callable[[], list[int]]


@pytest.fixture
def put(cloud: LocalCloud, target: Target) -> Callable[..., requests.Response]:
    """Puts a call of the target."""

    def put(**changes: Any) -> requests.Response:
        call = SWEEP | {"url": target.url, "audience": "https://ops", "min_backoff_s": 0} | changes
        return requests.post(f"{cloud.url}/local/schedule", json=call, timeout=5)

    return put


@pytest.fixture
def called(cloud: LocalCloud) -> Called:
    """Makes the calls that are due, and returns their last statuses."""

    def call_due() -> list[int]:
        calls = cloud.scheduler.call_due()
        assert not wait(calls, timeout=10).not_done
        return [call.result() for call in calls]

    return call_due


def test_it_calls_at_its_minutes(put: Callable[..., Any], called: Called, clock: FakeClock, target: Target) -> None:
    """A call is made once in each of its minutes, and once for all that passed while the machine slept."""
    assert put().ok
    made = []
    for minutes in (0, 4, 1, 0, 4, 1, 60):
        clock.advance(minutes=minutes)
        made.append(len(called()))
    assert made == [0, 0, 1, 0, 0, 1, 1]
    assert len(target.requests) == 3


def test_it_calls_as_its_service_account(
    put: Callable[..., Any], called: Called, clock: FakeClock, target: Target
) -> None:
    """A call is a POST with a token of the service account for the audience, and names its job."""
    put()
    clock.advance(minutes=5)
    assert called() == [200]
    (request,) = target.requests
    claims = jwt.decode(request.headers["Authorization"].removeprefix("Bearer "), verify=False)
    assert (claims["email"], claims["aud"]) == (SWEEP["service_account"], "https://ops")
    assert (request.verb, request.body, request.headers["X-CloudScheduler-JobName"]) == ("POST", b"{}", "sweep")


@pytest.mark.parametrize(("retries", "statuses"), [(0, [500]), (1, [500, 200]), (2, [500, 200])])
def test_a_failed_call_is_made_again(
    cloud: LocalCloud, put: Callable[..., Any], target: Target, retries: int, statuses: list[int]
) -> None:
    """What is not 2xx is tried again, as often as told; `GET` lists the statuses."""
    put(retries=retries)
    target.statuses = [500]
    run = requests.post(f"{cloud.url}/local/schedule/run", json={"name": "sweep"}, timeout=5)
    assert run.json() == {"status": statuses[-1]}
    (listed,) = requests.get(f"{cloud.url}/local/schedule", timeout=5).json()["calls"]
    assert listed["statuses"] == statuses


def test_what_cannot_be_scheduled(cloud: LocalCloud, put: Callable[..., requests.Response]) -> None:
    """A call without a crontab line, with an unknown field, or of an unknown name is refused."""
    assert [put(schedule="every 5 minutes").status_code, put(schedule="61 * * * *").status_code] == [400, 400]
    assert put(colour="blue").status_code == 400
    assert requests.post(f"{cloud.url}/local/schedule/run", json={"name": "none"}, timeout=5).status_code == 400


@pytest.mark.parametrize(
    ("line", "at", "due"),
    [
        ("*/5 * * * *", "2026-11-29T10:05", True),
        ("*/5 * * * *", "2026-11-29T10:06", False),
        ("0 6,9 * * *", "2026-11-29T09:00", True),
        ("0 6,9 * * *", "2026-11-29T07:00", False),
        ("0 0 1-7 12 *", "2026-12-07T00:00", True),
        ("0 0 1-7 12 *", "2026-12-08T00:00", False),
        ("0 0 * * 7", "2026-11-29T00:00", True),  # a Sunday
        ("0 0 * * 1-5", "2026-11-29T00:00", False),
        ("0 0 1 * 0", "2026-11-29T00:00", True),  # either, where both restrict
        ("0 0 1 * 0", "2026-11-30T00:00", False),
    ],
)
def test_a_crontab_line(line: str, at: str, due: bool) -> None:
    """A minute is due if each field allows it; day and weekday are alternatives where both restrict."""
    assert Crontab.read(line).matches(datetime.fromisoformat(at).replace(tzinfo=UTC)) is due


def test_the_schedule_is_that_of_a_deployment() -> None:
    """The calls are those of `infra/schedule.sh`, with the values of `infra/env.example`; each line is a crontab's."""
    calls = {call.pop("name"): call for call in scheduled_calls()}
    assert list(calls) == ["cloudact-daily", "cloudact-sweep"]
    assert all(is_cron(call["schedule"]) for call in calls.values())
    assert calls["cloudact-daily"]["deadline_s"] == timedelta(minutes=15).total_seconds()
    expected = {"schedule": "*/5 * * * *", "path": "/ops/sweep", "deadline_s": 280, "retries": 1, "min_backoff_s": 10}
    assert calls["cloudact-sweep"] == expected
