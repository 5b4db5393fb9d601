"""What a large day of reports costs the job, beside a bare floor and beside other loaders, where they are installed.

Ratios of CPU are printed and never asserted: machines differ. Rows, sums, requests and pages by path are asserted.

`CLOUDACT_BENCH_ROWS`, `_PAGES` and `_REPEAT` change the size, `CLOUDACT_BENCH_PYTHON` the interpreter: one with
jobs/requirements.txt alone is what the image has. `CLOUDACT_BENCH_PEERS` is a JSON file with commands of other loaders
by name; in them stand {report}, {url}, {date}, {bigquery} and {project}. They load into the dataset `bench`.
"""

import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cloudact import clients
from cloudact.runs.run import MESSAGE_VARIABLE
from cloudact.settings import ROOT
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, Local, NewOrgs
from tests.jobs.conftest import detail, steps
from tests.jobs.test_usage_cost_run import llm_run

ROWS = int(os.environ.get("CLOUDACT_BENCH_ROWS", "200000"))
PAGES = int(os.environ.get("CLOUDACT_BENCH_PAGES", "300"))
REPEAT = int(os.environ.get("CLOUDACT_BENCH_REPEAT", "2"))
PYTHON = os.environ.get("CLOUDACT_BENCH_PYTHON", sys.executable)
REPORTS = {
    "openai_usage": ("completions", "SUM(output_tokens)"),
    "openai_cost": ("costs", "SUM(amount)"),
    "anthropic_usage": ("messages", "SUM(output_tokens)"),
    "anthropic_cost": ("cost", "SUM(amount)"),
}
# What the floor's own columns must be summed as to be the same figure.
FLOOR_SUMS = {"openai_cost": "SUM(amount_value)", "anthropic_cost": "SUM(amount) / 100"}


@dataclass(frozen=True)
class Used:
    """What one process has used."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def peers() -> Mapping[str, str]:
    """Commands of other loaders by name, none where none are installed."""
    file = os.environ.get("CLOUDACT_BENCH_PEERS")
    return json.loads(Path(file).read_text(encoding="utf-8")) if file else {}


@pytest.fixture(scope="module")
def provider_url() -> Iterator[str]:
    """Where the pages of both vendors are."""
    with both_vendors() as url:
        yield url


@contextmanager
def both_vendors(latency_s: float = 0) -> Iterator[str]:
    """The address of both vendors' pages, each of which comes so late."""
    command = [sys.executable, "-m", "tests.bench.served", str(FIXTURE_DAY), str(ROWS), str(PAGES), str(latency_s)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)


def expected(url: str) -> dict[str, dict[str, Any]]:
    """What a whole and exact load of each report holds; and how many of its pages were asked for so far."""
    with urllib.request.urlopen(f"{url}/expected", timeout=10) as answer:  # noqa: S310 - our own server
        found: dict[str, dict[str, Any]] = json.loads(answer.read())
    return found


def used(command: list[str], env: Mapping[str, str], log: Path) -> Used:
    """Runs a command to its end, which must be a success."""
    started = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(env), stdout=output, stderr=subprocess.STDOUT)
        peak_kb, ended = 0, 0
        while not ended:
            peak_kb = max(peak_kb, peak_of(process.pid))
            time.sleep(0.02)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, log.read_text(encoding="utf-8")[-3000:]
    return Used(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, peak_kb / 1024)


def peak_of(pid: int) -> int:
    """Peak memory of a process in KiB so far; what its resource usage tells is that of the process which forked it."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) if found else 0


def with_one_report(folder: Path, provider: str, report: str) -> Path:
    """The configs as they ship, but with one report alone."""
    shutil.copytree(ROOT / "configs", folder)
    file = folder / provider / "usage_cost.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r"(reports:\n)(( +)- .*\n)+", rf"\g<1>\g<3>- {report}\n", text), encoding="utf-8")
    return folder


class Contest:
    """One pass: every candidate loads every report, round robin, into the same local BigQuery."""

    def __init__(self, local: Local, org: OnboardedOrg, url: str, folder: Path) -> None:
        self.local, self.org, self.url, self.folder = local, org, url, folder
        self.env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
        urls = json.dumps({"openai": url, "anthropic": url})
        self.settings = local.settings.model_copy(update={"provider_urls": urls})

    def ours(self, name: str, generation: int) -> Used:
        """A run of the job as a process of its own; its rows, requests and pages are checked."""
        provider, (report, total) = name.partition("_")[0], REPORTS[name]
        configs = with_one_report(self.folder / f"{name}-{generation}", provider, report)
        run = llm_run(self.org, provider, generation=generation, force_refresh=True)
        settings = self.settings.model_copy(update={"configs_dir": configs})
        before = expected(self.url)
        env = self.env | settings.to_env() | {MESSAGE_VARIABLE: run.model_dump_json()}
        found = used([PYTHON, "-m", "jobs.main"], env, self.folder / "ours.log")
        assert detail(self.local, run)["status"] == "SUCCESS", detail(self.local, run)
        self.check(name, f"{self.org.org_slug}.{name}_daily_raw", total)
        said = [message["text"] for step in steps(self.local, run) for message in step["messages"]]
        assert f"Pages with rows, by the column and row by row: {report} {PAGES} and 0." in said
        reconciled = 1  # the ungrouped total of the costs, which every run asks for
        asked = {each: told["asked"] - before[each]["asked"] for each, told in expected(self.url).items()}
        assert asked[name] + asked[f"{provider}_cost"] * (name != f"{provider}_cost") == PAGES + reconciled
        return found

    def floor(self, name: str, _generation: int) -> Used:
        """The bare floor."""
        place = [self.settings.bigquery_endpoint, self.settings.project, "bench"]
        command = [PYTHON, "-m", "tests.bench.floor", name, self.url, str(FIXTURE_DAY), *place]
        found = used(command, self.env, self.folder / "floor.log")
        self.check(name, f"bench.floor_{name}", FLOOR_SUMS.get(name, REPORTS[name][1]))
        return found

    def peer(self, template: str, name: str) -> Used:
        """Another loader; what it loads is not checked, since its columns are its own."""
        place = {"bigquery": self.settings.bigquery_endpoint, "project": self.settings.project}
        command = shlex.split(template.format(report=name, url=self.url, date=FIXTURE_DAY, **place))
        return used(command, self.env, self.folder / "peer.log")

    def check(self, name: str, table: str, total: str) -> None:
        """Asserts that the table has all rows, and their exact sum."""
        found = self.local.query(f"SELECT COUNT(*) AS `rows`, {total} AS `total` FROM {table}")[0]
        told = expected(self.url)[name]
        assert (found["rows"], found["total"]) == (ROWS, Decimal(told["sum"]))


@pytest.mark.bench
def test_a_large_day_beside_the_floor(local: Local, new_org: NewOrgs, provider_url: str, tmp_path: Path) -> None:
    """Every row of every report is loaded exactly, by the column; CPU, time and memory are printed."""
    clients.bigquery(local.settings).create_dataset("bench", exists_ok=True)
    contest = Contest(local, new_org(), provider_url, tmp_path)
    found: dict[tuple[str, str], list[Used]] = {}
    for generation in range(1, REPEAT + 1):
        for number, name in enumerate(REPORTS):
            found.setdefault((name, "floor"), []).append(contest.floor(name, generation))
            ours = contest.ours(name, generation * len(REPORTS) + number)
            found.setdefault((name, "ours"), []).append(ours)
            for peer, template in peers().items():
                found.setdefault((name, peer), []).append(contest.peer(template, name))
    sys.stdout.write("".join(table(found)))


def table(found: Mapping[tuple[str, str], list[Used]]) -> Iterator[str]:
    """Lines of a table in Markdown: medians, and the ratio to the floor's CPU."""
    yield f"\n{ROWS:,} rows on {PAGES} pages\n"
    yield "| report | candidate | CPU s | ÷ floor | wall s | ÷ floor | peak MB |\n|---|---|---:|---:|---:|---:|---:|\n"
    for (name, candidate), runs in found.items():
        median, floor = _median(runs), _median(found[name, "floor"])
        yield (
            f"| {name} | {candidate} | {median.cpu_s:.2f} | {median.cpu_s / floor.cpu_s:.1f} | {median.wall_s:.2f} "
            f"| {median.wall_s / floor.wall_s:.1f} | {median.peak_mb:.0f} |\n"
        )


def _median(runs: list[Used]) -> Used:
    return Used(*(statistics.median(getattr(run, name) for run in runs) for name in ("cpu_s", "wall_s", "peak_mb")))
