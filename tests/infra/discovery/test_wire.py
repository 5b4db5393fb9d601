"""The local cloud answers 400 to what Google's schemas do not describe, over HTTP, for each API that it plays."""

import copy
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from cloudact import clients
from functions.composition import compose
from infra.discovery.check import tally
from tests.checked_requests import (
    KEY,
    SERVERS,
    WORKERS,
    counted,
    line,
    pytest_sessionfinish,
    pytest_testnodedown,
)
from tests.conftest import Local, NewOrgs

AT = "projects/cloudact-local/locations/us-central1"


@dataclass(frozen=True)
class Sample:
    """A request that is well formed, and the field that a wrong type is put into."""

    path: str
    body: dict[str, Any]
    at: tuple[str, ...]
    api: str

    def with_value(self, value: Any) -> dict[str, Any]:
        """The body with this value at the place."""
        body = inner = copy.deepcopy(self.body)
        for name in self.at[:-1]:
            inner = inner[name]
        inner[self.at[-1]] = value
        return body


SAMPLES = {
    "tasks": Sample(
        f"/v2/{AT}/queues/runs/tasks", {"task": {"httpRequest": {}}}, ("task", "httpRequest", "url"), "cloudtasks.v2"
    ),
    "run": Sample(f"/v2/{AT}/jobs/runner:run", {"overrides": {}}, ("overrides", "taskCount"), "run.v2"),
    "kms": Sample(f"/v1/{AT}/keyRings/cloudact/cryptoKeys/credentials:encrypt", {}, ("plaintext",), "cloudkms.v1"),
    "secrets": Sample(
        "/v1/projects/cloudact-local/secrets/s:addVersion", {"payload": {}}, ("payload", "data"), "secretmanager.v1"
    ),
    "bigquery": Sample(
        "/bigquery/v2/projects/cloudact-local/queries", {"query": "SELECT 1"}, ("timeoutMs",), "bigquery.v2"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_each_local_api_checks_what_it_is_sent(name: str, local: Local) -> None:
    """An unknown field, a wrong type and an unknown parameter are 400 in Google's words, and counted."""
    sample = SAMPLES[name]
    server = local.settings.bigquery_endpoint if name == "bigquery" else local.google.url
    known = requests.get(f"{server}/local/schemas", timeout=10).json()
    answers = [
        requests.post(server + sample.path, json=sample.body | {"surprise": 1}, timeout=10),
        requests.post(server + sample.path, json=sample.with_value({"a": "b"}), timeout=10),
        requests.post(f"{server}{sample.path}?surprise=1", json=sample.body, timeout=10),
    ]
    errors = [answer.json()["error"] for answer in answers]
    assert {(error["code"], error["status"]) for error in errors} == {(400, "INVALID_ARGUMENT")}
    assert [error["message"].startswith("Invalid JSON payload received. ") for error in errors] == [True] * 3
    words = [error["message"].split(". ", 1)[1] for error in errors]
    assert (words[0], words[1].split(" (")[0][:16], words[2].split(":")[0]) == (
        'Unknown name "surprise": Cannot find field.', "Invalid value at", 'Unknown name "surprise"',
    )  # fmt: skip
    now = requests.get(f"{server}/local/schemas", timeout=10).json()
    assert (now[sample.api] - known.get(sample.api, 0), now["refused"] - known.get("refused", 0)) == (3, 3)


def bigquery_checked(local: Local) -> int:
    """How many of BigQuery's requests were checked so far."""
    told = requests.get(f"{local.settings.bigquery_endpoint}/local/schemas", timeout=10).json()
    return int(told.get("bigquery.v2", 0))


def test_changes_of_a_dataset_s_access_are_checked(local: Local, new_org: NewOrgs) -> None:
    """Warehouse.admit reads the dataset and patches its access; both are as BigQuery describes them."""
    slug = new_org().org_slug
    before = bigquery_checked(local)
    accounts = {f"{role}@cloudact-local.iam.gserviceaccount.com": role.upper() for role in ("reader", "writer")}
    local.warehouse.admit(slug, accounts)
    assert bigquery_checked(local) - before == 2
    entries = clients.bigquery(local.settings).get_dataset(slug).access_entries
    assert accounts.items() <= {entry.entity_id: entry.role for entry in entries}.items()


def test_a_cancelled_execution_is_checked(local: Local) -> None:
    """RunQueue.cancel_execution sends what Cloud Run describes: one that does not exist any more is 404, not 400."""
    before = tally().counts()
    compose(local.settings, local.clock).runs.queue.cancel_execution("gone-execution")
    after = tally().counts()
    assert after["run.v2"] - before.get("run.v2", 0) == 1
    assert after.get("refused", 0) == before.get("refused", 0)


def test_the_line_at_the_end_of_a_session() -> None:
    """It has what was checked, by API, how much of that was refused, and what rehearsals recorded."""
    told = line({"local": {"run.v2": 1200, "refused": 2}, "recorded": {}})
    assert told == "google requests checked against discovery: 1,200 local (run.v2 1,200; refused 2), 0 recorded"


def test_a_server_is_asked_before_it_ends(local: Local) -> None:
    """What a server of another process has checked is added to what this one has."""
    known = SERVERS.copy()
    with counted(local.settings.bigquery_endpoint):
        bigquery_checked(local)
    added = SERVERS["bigquery.v2"] - known["bigquery.v2"]
    SERVERS.clear()
    SERVERS.update(known)  # the session's own fixture adds them in the end
    assert added == bigquery_checked(local)


def test_workers_hand_their_counts_over() -> None:
    """A worker of pytest-xdist sends what it knows when its session ends, and the controller adds it to its own."""
    output: dict[str, Any] = {}
    worker = SimpleNamespace(config=SimpleNamespace(workeroutput=output))
    pytest_sessionfinish(worker)  # type: ignore[arg-type]
    controller = {where: known.copy() for where, known in WORKERS.items()}
    try:
        for _ in range(2):
            pytest_testnodedown(SimpleNamespace(workeroutput=output))
        added = {where: known - controller[where] for where, known in WORKERS.items()}
    finally:
        for where, known in controller.items():
            WORKERS[where].clear()
            WORKERS[where].update(known)
    once = json.loads(json.dumps(output))[KEY]  # it crosses processes
    assert added == {where: {api: 2 * number for api, number in known.items()} for where, known in once.items()}
