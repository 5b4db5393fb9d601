"""Runs jobs in this process, on the session's local cloud."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import stamina

from cloudact.runs.run import Run
from jobs.attempt import work
from jobs.composition import compose
from jobs.container import Execution
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local
from tests.fault_proxy import Doorman

AFTERWARDS = datetime(2026, 12, 20, tzinfo=UTC)  # everything in the fixtures has been exported by then
RunJob = Callable[..., int]


@pytest.fixture(autouse=True)
def tries_without_pauses() -> Iterator[None]:
    """A step is tried as often as in a job, but at most three times, at once."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def doorman(local: Local) -> Iterator[Doorman]:
    """A proxy before the local BigQuery, at whose `url` a run may work."""
    door = Doorman(local.settings.bigquery_endpoint)
    yield door
    door.close()


def work_on(
    local: Local,
    run: Run,
    *,
    execution: str = "runner-abc",
    attempt: int = 0,
    last: bool = True,
    now: Callable[[], datetime] = lambda: AFTERWARDS,
    **settings: Any,
) -> int:
    """Works on a run as one container does, and answers the exit code."""
    changed = local.settings.model_copy(update=settings)
    return work(compose(changed, now), run, Execution(execution, 0, attempt, last))


@pytest.fixture(scope="session")
def run_job(session_cloud: Local) -> RunJob:
    """Works on runs, as `work_on` does."""
    return partial(work_on, session_cloud)


def table(local: Local, org: OnboardedOrg) -> list[dict[str, Any]]:
    """All rows of the org's table in an order of their own: what is compared byte by byte."""
    rows = local.query(f"SELECT * FROM {org.org_slug}.gcp_billing_daily_raw")
    return sorted(rows, key=repr)


def detail(local: Local, run: Run) -> dict[str, Any]:
    """The run as the ledger tells it; its "steps" are read when they are asked for."""
    stored = local.runs.find(run.org_slug, run.run_id, run.requested_date)
    assert stored is not None
    return _Detail(local, run, asdict(stored))


def whole_detail(local: Local, run: Run) -> dict[str, Any]:
    """The run and its steps: what is compared."""
    told = detail(local, run)
    assert told["steps"] is not None
    return told


class _Detail(dict[str, Any]):
    def __init__(self, local: Local, run: Run, stored: dict[str, Any]) -> None:
        super().__init__(stored)
        self._steps = partial(steps, local, run)

    def __missing__(self, name: str) -> Any:
        if name != "steps":
            raise KeyError(name)
        return self.setdefault(name, self._steps())


def steps(local: Local, run: Run) -> list[dict[str, Any]]:
    """The run's steps as they are stored, with their messages."""
    return local.warehouse.rows(
        "run_steps", org_slug=run.org_slug, run_id=run.run_id, requested_date=run.requested_date
    )
