"""How often a run asks BigQuery: what it reads, what it asks tables for and what it loads."""

import json
from collections import Counter
from typing import Any

import pytest

from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export
from tests.fault_proxy import Doorman
from tests.jobs.conftest import RunJob
from tests.jobs.test_usage_cost_run import llm_run


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    org = new_org()
    load_fixture_export(local, org)
    return org


KINDS = ("queries", "tables", "loads", "events", "jobs")


def asked(local: Local, doorman: Doorman) -> list[int]:
    """Requests in the service's own project by kind; the customer's, and looks at jobs at work, are left out."""
    kinds: Counter[str] = Counter()
    for line in doorman.seen:
        if f"/projects/{local.settings.project}/" in line:
            kinds["queries"] += line.endswith("/queries")
            kinds["tables"] += line.startswith("GET") and "/tables/" in line
            kinds["loads"] += "/upload/" in line
            kinds["events"] += line.endswith("/insertAll")
            kinds["jobs"] += line.startswith("POST /bigquery") and line.endswith("/jobs")
    return [kinds[kind] for kind in KINDS]


@pytest.mark.parametrize(
    ("provider", "loading", "unchanged"),
    [
        ("gcp", [4, 1, 1, 3, 2], [6, 1, 0, 3, 3]),
        ("openai", [4, 2, 2, 3, 3], [5, 2, 0, 3, 3]),
        ("anthropic", [5, 3, 3, 3, 3], [6, 3, 0, 3, 3]),
    ],
)
def test_a_run_asks_so_often(
    local: Local,
    org: OnboardedOrg,
    run_job: RunJob,
    doorman: Doorman,
    provider: str,
    loading: list[int],
    unchanged: list[int],
) -> None:
    """Each table is described once, and a day that is there already loads nothing.

    The events are three calls: RUNNING, those of all steps, and SUCCESS. A short run is looked up once. The jobs are
    the claim, the fence of a day that is there already, the record in the day's history, and the provider's names,
    which the first run of a day has read.
    """
    found: list[Any] = []
    for generation in (1, 2):
        doorman.seen.clear()
        run = billing_run(org, generation=generation)
        run = run if provider == "gcp" else llm_run(org, provider, generation=generation)
        assert run_job(run, bigquery_endpoint=doorman.url) == 0
        found.append(asked(local, doorman))
    assert found == [loading, unchanged], json.dumps(found)
