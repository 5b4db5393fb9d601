"""A large day of a provider fits a small container, and is one load job a table."""

import os
import subprocess
import sys

import pytest

from cloudact.runs.run import MESSAGE_VARIABLE
from tests.conftest import Local, NewOrgs
from tests.jobs.conftest import detail
from tests.jobs.test_usage_cost_run import change_key, llm_run

CONTAINER = """
import os, re, sys
from jobs.main import main
code = main(os.environ)
print("peak kB", re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(code)
"""


@pytest.mark.bench
def test_200_000_usage_rows_over_300_pages(local: Local, new_org: NewOrgs) -> None:
    """200,000 rows of completions over 300 pages, and what they cost: below 300 MB, one load job for each table."""
    org = new_org()
    change_key(local, org, "openai", rows=200_000, page_results=667)
    local.providers.log.reset()
    run = llm_run(org, "openai")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": "."} | local.settings.to_env()
    env[MESSAGE_VARIABLE] = run.model_dump_json()
    done = subprocess.run([sys.executable, "-c", CONTAINER], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    peak_mb = int(done.stdout.splitlines()[-1].split()[-1]) / 1024
    told = detail(local, run)
    pages = local.providers.log.summary()["counts"]["GET /v1/organization/usage/completions"]
    sizes = local.query(
        f"SELECT (SELECT COUNT(*) FROM {org.org_slug}.openai_usage_daily_raw WHERE endpoint = 'completions') AS usage, "
        f"(SELECT COUNT(*) FROM {org.org_slug}.openai_cost_daily_raw) AS costs"
    )[0]
    loads = [job for n in range(4) if (job := local.warehouse.job(f"load_{run.run_id}_{n}"))]
    sys.stdout.write(f"{peak_mb:.0f} MB, {told['duration_ms']} ms, {sizes}, {pages}, {len(loads)} load jobs\n")
    assert told["status"] == "SUCCESS"
    assert (sizes["usage"], pages["calls"], len(loads)) == (200_000, 300, 2)
    assert peak_mb < 300
