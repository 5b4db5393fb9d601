"""Ids that BigQuery accepts once, while it says for a moment that it does not know the one it refuses."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from cloudact.errors import Retry
from cloudact.runs.load import Outcome, RunLoad
from cloudact.runs.run import Run, Status
from cloudact.warehouse.bigquery import open_warehouse
from jobs.claim import claim
from jobs.container import Execution
from tests.conftest import NOON, Local, NewOrgs, billing_run

MINE: dict[str, Any] = {"execution": "one/0", "started_at": NOON, "requested_date": NOON.date()}


class Unseen:
    """jobs.get of some jobs answers 404, as at Google right after a 409."""

    def __init__(self, local: Local) -> None:
        self._url = f"{local.settings.bigquery_endpoint}/local/faults"

    def add(self, job_id: str, times: int) -> None:
        fault = {"method": "GET", "path_regex": f"/jobs/{job_id}", "status": 404, "times": times, "reason": "notFound"}
        requests.post(self._url, json=fault, timeout=5).raise_for_status()

    def clear(self) -> int:
        """How many of them were never asked for."""
        left = requests.post(self._url, json={"path_regex": "none"}, timeout=5).json()["faults"]
        requests.delete(self._url, timeout=5).raise_for_status()
        return sum(fault["times"] for fault in left if fault["path_regex"] != "none")


@pytest.fixture
def unseen(local: Local) -> Iterator[Unseen]:
    faults = Unseen(local)
    yield faults
    faults.clear()


@pytest.fixture
def run(new_org: NewOrgs) -> Run:
    return billing_run(new_org())


def test_a_second_container_finds_whose_the_claim_is(local: Local, run: Run, unseen: Unseen) -> None:
    """A retry of the execution goes on although BigQuery says three times that there is no such job."""
    execution = Execution("runner-abc", 0, 0, False)
    first = claim(local.warehouse, run, execution, NOON)
    unseen.add(run.claim_id, times=3)
    assert claim(local.warehouse, run, execution, NOON) == first
    assert unseen.clear() == 0


def test_a_cancel_finds_the_verdict(local: Local, run: Run, unseen: Unseen) -> None:
    """Who settles a run that was settled before gets the outcome, although its fence cannot be read at first."""
    patient, hasty = local.warehouse, open_warehouse(local.settings, patience_s=8.0)
    outcome = RunLoad(patient, run.run_id).settle(Outcome(Status.FAILED, at=NOON), lambda: None)
    unseen.add(f"load_{run.run_id}", times=3)
    assert RunLoad(hasty, run.run_id).settle(Outcome(Status.CANCELLED, at=NOON), lambda: None) == outcome
    assert unseen.clear() == 0


def test_an_id_that_nobody_can_read_is_left_to_the_next_try(local: Local, unseen: Unseen) -> None:
    """Patience is bounded: then it is passing trouble, and nothing was decided twice."""
    name = f"claim_{secrets.token_hex(8)}"
    impatient = open_warehouse(local.settings, patience_s=0.3)
    impatient.accept_once(name, "claim", **MINE)
    unseen.add(name, times=50)
    with pytest.raises(Retry, match="refused a job id that it does not know"):
        impatient.accept_once(name, "claim", **MINE)
    unseen.clear()
    assert impatient.accept_once(name, "claim", **(MINE | {"execution": "two/0"}))["execution"] == "one/0"
