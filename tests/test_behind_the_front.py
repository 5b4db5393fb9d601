"""A day of an org as callers see it: through Cloud Run's front, with its invoker check and without."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from cloudact import clients
from jobs.attempt import work
from jobs.composition import compose
from jobs.container import Execution
from localcloud.cloud_run_front.front import Service
from localcloud.cloud_run_front.server import FrontServer, listening
from localcloud.integrations import ProviderAccount, new_admin_key, register_admin_key
from localcloud.stack import OPERATOR, SCHEDULER, Invoker, local_settings, running_stack
from tests.conftest import Local, NewOrgs
from tests.functions.fleet import Fleet, new_fleet
from tests.functions.operators import operator_token
from tests.served import Fronts, fronted

MODES: tuple[Invoker, ...] = ("no-check", "iam")
WITHIN_S = 120.0
COST = "SELECT SUM(BilledCost) AS cost, COUNT(DISTINCT x_UsageDate) AS days FROM `{org}.focus_costs`"


class Client:
    """Asks `ops` with the token of a service account, and the API with the key of an org."""

    def __init__(self, fronts: Fronts, token: str) -> None:
        self._fronts = fronts
        self._bearer = {"Authorization": f"Bearer {token}"}

    def ops(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = requests.post(f"{self._fronts.ops_url}/ops{path}", json=body, headers=self._bearer, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json()

    def api(self, method: str, path: str, key: str, body: Any = None) -> Any:
        url = f"{self._fronts.api_url}/api/v1{path}"
        answer = requests.request(method, url, json=body, headers={"X-API-Key": key}, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def onboard(self, slug: str) -> str:
        """A new org's key."""
        return str(self.ops("/orgs", {"org_slug": slug, "plan": "PROFESSIONAL"}, 201)["api_key"])

    def connect(self, slug: str, key: str, admin_key: str) -> None:
        told = self.api("POST", f"/integrations/{slug}/openai/setup", key, {"credential": admin_key})
        assert told["status"] == "VALID"

    def runs(self, slug: str, key: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.api("GET", f"/pipelines/{slug}/runs", key)["runs"]
        return runs


@pytest.fixture
def fleet(local: Local) -> Fleet:
    """A dataset and a queue without orgs."""
    return new_fleet(local)


@pytest.fixture(params=MODES)
def fronts(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Fronts]:
    with fronted(fleet.local, fleet.settings, request.param) as fronts:
        yield fronts


def test_a_day(fronts: Fronts, fleet: Fleet) -> None:
    """Onboarding, the daily call, its runs, the sweep: both ways the costs are in the org's tables in the end."""
    operator = Client(fronts, operator_token(fleet.local, OPERATOR, fronts.ops_url))
    scheduler = Client(fronts, operator_token(fleet.local, SCHEDULER, fronts.ops_url))
    slug, admin = f"fronted_{next(fleet.local.numbers)}", new_admin_key("OPENAI")
    register_admin_key(fleet.settings, ProviderAccount("OPENAI", seed=7, rows=5), admin)
    key = operator.onboard(slug)
    operator.connect(slug, key, admin["api_key"])
    started = scheduler.ops("/daily")["started"]
    assert started > 0
    for run in fleet.fire():
        assert work(compose(fleet.settings, fleet.local.clock), run, Execution("runner-abc", 0, 0, True)) == 0
    scheduler.ops("/sweep")
    assert [run["status"] for run in operator.runs(slug, key)] == ["SUCCESS"] * started
    (total,) = fleet.local.query(COST.format(org=slug))
    assert (total["cost"] > Decimal(0), total["days"]) == (True, started)


def test_strangers(fronts: Fronts, fleet: Fleet) -> None:
    """Whoever is no caller of ours starts nothing, whichever of the two refuses."""
    stranger = operator_token(fleet.local, "someone@else.iam.gserviceaccount.com", fronts.ops_url)
    removed = operator_token(fleet.local, SCHEDULER, fronts.ops_url).rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"
    for token in (stranger, removed, "x.y.z"):
        answer = requests.post(f"{fronts.ops_url}/ops/daily", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.status_code in (401, 403)
    assert fleet.tasks() == []


def test_an_empty_domain_both_ways(local: Local, new_org: NewOrgs) -> None:
    """A front that passes `//` on and one that merges it lead to one run: an empty domain may be left out."""
    org = new_org()
    path, headers = f"/api/v1/pipelines/run/{org.org_slug}/openai//usage_cost", {"X-API-Key": org.api_key}
    with fronted(local, local.settings, "no-check") as fronts:
        kept = requests.post(f"{fronts.api_url}{path}", headers=headers, timeout=30)
        merging = FrontServer(Service(fronts.api_url, merge_slashes=True), listening(0))
        merging.start()
        merged = requests.post(f"{merging.url}{path}", headers=headers, timeout=30)
        merging.stop()
    assert (kept.status_code, merged.status_code) == (202, 200), merged.text
    assert merged.json()["run_id"] == kept.json()["run_id"]


@pytest.mark.bench
@pytest.mark.parametrize("invoker", MODES)
def test_a_day_of_three_orgs(invoker: Invoker, tmp_path: Path) -> None:
    """The whole local cloud: queue and containers work by themselves until all three orgs have their costs."""
    with running_stack(tmp_path, api_port=0, ops_port=0, ops_invoker=invoker, late_streams=True) as (stack, _):
        client = Client(Fronts(stack.api_url, stack.ops_url), stack.ops_token)
        keys = {f"org_of_{name}": client.onboard(f"org_of_{name}") for name in ("ann", "bob", "eve")}
        for seed, (slug, key) in enumerate(keys.items()):
            admin = new_admin_key("OPENAI")
            body = {"key": admin["api_key"], "kind": "openai", "seed": seed, "rows": 20}
            requests.post(f"{stack.openai_url}/local/keys", json=body, timeout=10).raise_for_status()
            client.connect(slug, key, admin["api_key"])
        told = client.ops("/daily")
        assert told["orgs"] == len(keys) + len(stack.orgs)
        deadline = time.monotonic() + WITHIN_S
        while (seen := {run["status"] for slug, key in keys.items() for run in client.runs(slug, key)}) != {"SUCCESS"}:
            assert not seen & {"FAILED", "CANCELLED"}
            assert time.monotonic() < deadline, seen
            time.sleep(0.5)
        client.ops("/sweep")
        settings = local_settings(stack.bigquery_url, stack.run_url, {"openai": stack.openai_url})
        for slug in keys:
            (total,) = clients.bigquery(settings).query_and_wait(COST.format(org=slug))
            assert total.cost > 0
