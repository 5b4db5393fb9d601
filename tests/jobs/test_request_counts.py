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


def asked(local: Local, doorman: Doorman) -> dict[str, int]:
    """Requests in the service's own project by kind; the customer's, and looks at jobs at work, are left out."""
    kinds: Counter[str] = Counter()
    for line in doorman.seen:
        if f"/projects/{local.settings.project}/" in line:
            kinds["queries"] += line.endswith("/queries")
            kinds["tables"] += line.startswith("GET") and "/tables/" in line
            kinds["loads"] += "/upload/" in line
    return dict(kinds)


@pytest.mark.parametrize(
    ("provider", "loading", "unchanged"),
    [
        ("gcp", {"queries": 7, "tables": 1, "loads": 1}, {"queries": 9, "tables": 1, "loads": 0}),
        ("openai", {"queries": 7, "tables": 2, "loads": 2}, {"queries": 8, "tables": 2, "loads": 0}),
        ("anthropic", {"queries": 8, "tables": 3, "loads": 3}, {"queries": 9, "tables": 3, "loads": 0}),
    ],
)
def test_a_run_asks_so_often(
    local: Local,
    org: OnboardedOrg,
    run_job: RunJob,
    doorman: Doorman,
    provider: str,
    loading: dict[str, int],
    unchanged: dict[str, int],
) -> None:
    """Each table is described once, before its file is written, and a day that is there already loads nothing."""
    found: list[Any] = []
    for generation in (1, 2):
        doorman.seen.clear()
        run = billing_run(org, generation=generation)
        run = run if provider == "gcp" else llm_run(org, provider, generation=generation)
        assert run_job(run, bigquery_endpoint=doorman.url) == 0
        found.append(asked(local, doorman))
    assert found == [loading, unchanged], json.dumps(found)
