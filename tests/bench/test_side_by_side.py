"""How long a day of two large reports takes where each page comes late, beside its longest cursor chain alone.

The ratio and the memory are printed and never asserted: machines differ. Rows, sums and requests are asserted.

`CLOUDACT_BENCH_LATENCY_S` is the time before each answer; rows and pages are those of `test_reports`.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cloudact.runs.run import MESSAGE_VARIABLE
from tests.bench.floor import pages
from tests.bench.test_reports import PAGES, PYTHON, ROWS, Contest, both_vendors, expected, used
from tests.conftest import Local, NewOrgs
from tests.jobs.conftest import detail
from tests.jobs.test_usage_cost_run import llm_run

LATENCY_S = float(os.environ.get("CLOUDACT_BENCH_LATENCY_S", "0.15"))


@pytest.fixture(scope="module")
def late_provider_url() -> Iterator[str]:
    """Where the pages of both vendors are, each of them late."""
    with both_vendors(LATENCY_S) as url:
        yield url


@pytest.mark.bench
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_day_of_late_pages(
    local: Local, new_org: NewOrgs, late_provider_url: str, tmp_path: Path, provider: str
) -> None:
    """Usage and costs, as many pages each, are loaded exactly; the time is printed beside that of the longest chain."""
    contest = Contest(local, new_org(), late_provider_url, tmp_path)
    chains = {name: chain_s(late_provider_url, f"{provider}_{name}") for name in ("usage", "cost")}
    before = expected(late_provider_url)
    run = llm_run(contest.org, provider)
    env = contest.env | contest.settings.to_env() | {MESSAGE_VARIABLE: run.model_dump_json()}
    found = used([PYTHON, "-m", "jobs.main"], env, tmp_path / "ours.log")
    told = detail(local, run)
    assert told["status"] == "SUCCESS", told
    for name, column in (("usage", "output_tokens"), ("cost", "amount")):
        contest.check(f"{provider}_{name}", f"{contest.org.org_slug}.{provider}_{name}_daily_raw", f"SUM({column})")
    asked = {name: told["asked"] - before[name]["asked"] for name, told in expected(late_provider_url).items()}
    assert (asked[f"{provider}_usage"], asked[f"{provider}_cost"]) == (PAGES, PAGES + 1)
    sys.stdout.write(
        f"\n{provider}: {ROWS:,} + {ROWS:,} rows, {PAGES} + {PAGES} pages at {LATENCY_S * 1000:.0f} ms: job "
        f"{found.wall_s:.1f} s; the longest chain alone {max(chains.values()):.1f} s; ratio "
        f"{found.wall_s / max(chains.values()):.2f} (both chains one after the other: "
        f"{sum(chains.values()) / max(chains.values()):.2f}); {steps_s(told['steps'])}; CPU {found.cpu_s:.1f} s, peak "
        f"{found.peak_mb:.0f} MB\n"
    )


def steps_s(steps: Sequence[Mapping[str, Any]]) -> str:
    """The seconds of each step."""
    return ", ".join(f"{step['step_name']} {step['duration_ms'] / 1000:.1f} s" for step in steps)


def chain_s(url: str, report: str) -> float:
    """Seconds that the pages of one report take which are asked for one after another, and not looked at."""
    started = time.perf_counter()
    assert sum(1 for _ in pages(url, report)) == PAGES
    return time.perf_counter() - started
