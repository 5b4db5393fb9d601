"""docs/operations.md: each command in it runs, each alert has its section, its numbers are what the arithmetic says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from cloudact.pipelines.registry import load_registry
from cloudact.runs.run_cost import Tariff
from cloudact.settings import ROOT, Settings
from infra import capacity
from infra.rehearsal.offline import offline
from infra.rehearsal.sizes import enough_cpus
from localcloud.stack import SCHEDULER, Stack, running_stack
from providers import PROVIDERS
from tests.infra import runbook
from tests.infra.test_rehearsal import clean_checkout
from tests.logging_query import compiled

installed = pytest.mark.skipif(
    not (shutil.which("gcloud") and shutil.which("bq")), reason="gcloud and bq are not installed"
)
LOCAL = {"bin/cloudact", "bq query", "infra/smoke.sh", "curl"}  # what the local cloud can be asked
ONLY_GOOGLE = (
    "gcloud ",
    "make deploy",
    "make verify-project",
    "infra/setup.sh",
    "infra/deploy.sh",
    "infra/teardown.sh",
    " bq cp ",
    " bq mk ",
)
MIB, TIB = Decimal(2**20), Decimal(2**40)
FLEETS = (1, 100, 10_000)


class TestPage:
    """What can be seen without running anything."""

    def test_each_block_is_for_one_cloud(self) -> None:
        """All fences are sh; what is marked local asks no gcloud, what is not asks no API of ours."""
        fences = runbook.FENCE.findall(runbook.text())
        blocks = runbook.blocks()
        assert len(blocks) == len(fences) > 40
        assert len([each for each in blocks if each.local]) == runbook.text().count("<!-- local -->") > 10
        for block in blocks:
            if block.local:
                assert [each for each in ONLY_GOOGLE if f" {each.strip()} " in f" {block.text} "] == [], block
                assert any(program in block.text for program in LOCAL), block
            else:
                assert "bin/cloudact" not in block.text, block

    @pytest.mark.parametrize("kind", ["gcloud", "local"])
    def test_the_commands_are_sound_shell(self, kind: str, tmp_path: Path) -> None:
        """shellcheck finds nothing; SC2155 (a failed command in an export) matters in scripts, not at a prompt."""
        script = tmp_path / "script.sh"
        blocks = [each.text for each in runbook.blocks() if each.local == (kind == "local")]
        script.write_text("#!/usr/bin/env bash\n" + "".join(blocks), encoding="utf-8")
        shellcheck = [str(Path(sys.executable).with_name("shellcheck")), "--exclude=SC2155", str(script)]
        done = subprocess.run(shellcheck, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_each_alert_has_its_section(self) -> None:
        """The policies link to the sections on alerts, each to its own, and no section is without a policy."""
        policies = sorted((ROOT / "infra" / "monitoring" / "policies").glob("*.json"))
        linked = {}
        for file in policies:
            told = json.loads(file.read_text("utf-8"))["documentation"]["content"]
            linked[file.stem] = re.findall(r"docs/operations\.md#([\w-]+)", told)
        assert linked == {name: [f"alert-{name}"] for name in linked}
        assert {f"alert-{name}" for name in linked} == {each for each in runbook.anchors() if each.startswith("alert-")}

    def test_filters_of_logs_can_be_read(self) -> None:
        """Each is in the part of Cloud Logging's language that the tests of the metrics evaluate."""
        filters = re.findall(r"gcloud logging read '([^']+)'", runbook.text())
        assert len(filters) > 10
        for each in filters:
            compiled(each)

    def test_the_alerts_ask_for_fields_that_are_written(self) -> None:
        """A field of a line that a command names is documented in docs/observability.md."""
        documented = (ROOT / "docs" / "observability.md").read_text("utf-8")
        for field in set(re.findall(r"jsonPayload\.(\w+)", runbook.text())):
            assert f"`{field}`" in documented, field


class TestSizes:
    """The table of what a job of so much memory holds."""

    def test_what_a_day_may_take(self) -> None:
        """Room, rows and minutes are what settings, bytes a row and rows a second make of the memory."""
        (bytes_a_row,), (rows_a_second,) = (
            re.findall(rf"([\d,]+) {what}", runbook.text()) for what in ("bytes a row of", "rows a second of CPU")
        )
        least = Settings(project="p", location="l", installation="test", kms_key="k", dispatcher_service_account="d")
        rows = runbook.table("`JOB_MEMORY_GIB`")
        assert len(rows) == 4
        for memory, cpus, mib, millions, minutes in rows:
            room = least.model_copy(update={"job_memory_gib": Decimal(memory)}).day_file_bytes
            held = room / runbook.number(bytes_a_row)
            assert runbook.number(mib) == Decimal(room) / 2**20
            assert int(millions) == int(held / 1_000_000)
            assert round(held / runbook.number(rows_a_second) / 60) == int(minutes)
            assert enough_cpus({"cpu": cpus, "memory": f"{memory}Gi"})


class TestCosts:
    """The tables of costs and vCPUs, computed from the assumptions and the prices that ship."""

    @pytest.fixture
    def assumed(self) -> dict[str, Decimal]:
        return {cells[0]: runbook.number(cells[1]) for cells in runbook.table("assumption")}

    def test_what_an_org_costs(self, assumed: dict[str, Decimal]) -> None:
        """Every cell, to the cent."""
        tariff = Tariff.of(
            Settings(project="p", location="l", installation="test", kms_key="k", dispatcher_service_account="d")
        )
        told = {cells[0]: [runbook.number(cell) for cell in cells[1:]] for cells in runbook.table("US dollars a month")}
        columns = [month(orgs, assumed, tariff) for orgs in FLEETS]
        assert told == {name: [column[name] for column in columns] for name in columns[0]}

    def test_what_so_many_orgs_need(self, assumed: dict[str, Decimal]) -> None:
        """Every cell is what infra/capacity.py computes, which assumes what the page does."""
        pace = capacity.default_pace()
        assert [tuple(cells) for cells in runbook.table("orgs")] == capacity.needs(capacity.SIZES, pace)
        assert assumed["runs of an org a day"] == capacity.RUNS
        assert assumed["seconds of a run"] == capacity.Day(1, pace).run_s == pace.run_takes.total_seconds()
        assert assumed["seconds that a task is billed at least"] == capacity.LEAST_S
        assert assumed["KiB a sweep reads of a run"] * 1024 == capacity.RUN_BYTES
        entries = [entry for entry in load_registry(ROOT / "configs", PROVIDERS).entries if entry.enabled]
        assert (len(entries), capacity.TABLES) == (capacity.PIPELINES, 6)
        assert {1 + len(entry.restate_days) for entry in entries} == {capacity.DATES}

    def test_where_each_limit_is_met(self) -> None:
        """With an org less it is not met, by the same arithmetic that the first table is made of."""
        pace = capacity.default_pace()
        found = capacity.limits(pace)
        told = [(name, int(runbook.number(orgs)), then) for name, orgs, then in runbook.table("limit")]
        assert told == [(each.name, each.orgs, each.then) for each in found]
        met = {each.name: each.orgs for each in found}
        counted: tuple[tuple[str, Callable[[capacity.Day], Decimal | int], int], ...] = (
            ("vCPUs: all done within a day", lambda day: day.work_s / pace.tasks, capacity.DAY_S),
            ("vCPUs: all done within four hours", lambda day: day.work_s / pace.tasks, 4 * 3600),
            ("load jobs, every date changed", lambda day: day.loads_changed, capacity.LOAD_JOBS),
            ("load jobs, no restated date changed", lambda day: day.loads_unchanged, capacity.LOAD_JOBS),
        )
        for name, of, limit in counted:
            below, above = (of(capacity.Day(met[name] + more, pace)) for more in (0, 1))
            assert below <= limit < above, name

    def test_a_task_of_several_runs(self, assumed: dict[str, Decimal]) -> None:
        """It is never dearer than a task a run, and cheaper exactly where a run is shorter than the least time."""
        for seconds in (1, 5, 20, 59, 60, 61, 300):
            day = capacity.Day(1, capacity.default_pace(), Decimal(seconds))
            assert (day.together_minutes < day.alone_minutes) == (
                seconds < assumed["seconds that a task is billed at least"]
            )
            without = day.billed_s([3, 9], least_s=0), day.billed_s([1] * 12, least_s=0)
            assert without[0] == without[1]


def month(orgs: int, assumed: dict[str, Decimal], tariff: Tariff) -> dict[str, Decimal]:
    """A column of the table."""
    days, runs = assumed["days a month"], assumed["runs of an org a day"] * orgs
    day = capacity.Day(orgs, capacity.default_pace(), assumed["seconds of a run"])
    tasks = [capacity.PIPELINES, capacity.RUNS - capacity.PIPELINES]
    billed_s = orgs * day.billed_s(tasks, int(assumed["seconds that a task is billed at least"]))
    containers, run = tariff.cost(billed_s, 0), tariff.cost(Decimal(0), int(assumed["MiB billed to a run"] * MIB))
    asked = assumed["requests of an org a day"] * orgs * assumed["MiB billed to a request"] * MIB
    read = runs * assumed["days a sweep looks at"] * assumed["KiB a sweep reads of a run"] * 1024
    swept = assumed["sweeps a day"] * max(read, assumed["MiB billed to a sweep at least"] * MIB)
    costs = {
        "containers": days * containers.compute_usd,
        "queries of runs": days * runs * run.bigquery_usd,
        "queries of requests": days * asked / TIB * tariff.bigquery_tib_usd,
        "sweeps": days * swept / TIB * tariff.bigquery_tib_usd,
    }
    together = sum(costs.values(), Decimal(0))
    told = {**costs, "together": together, "per org": together / orgs}
    return {name: round(usd, 2) for name, usd in told.items()}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The local cloud; the runbook's operator may call its ops."""
    callers = (SCHEDULER, "cloudact-operator@my-project-1.iam.gserviceaccount.com")
    folder = tmp_path_factory.mktemp("stack")
    with running_stack(folder, api_port=0, ops_port=0, ops_callers=callers) as (stack, _):
        yield stack


@pytest.mark.bench
@installed
class TestCommands:
    """Every block, in its order. A quarter of an hour: gcloud takes a second or more for each of its 500 commands."""

    def test_those_of_the_local_cloud(self, stack: Stack, tmp_path: Path) -> None:
        """Each exits with 0 in one shell; the first run is a SUCCESS."""
        for name in ("bin", "infra"):
            (tmp_path / name).symlink_to(ROOT / name)
        (tmp_path / "openai.key").write_text(stack.orgs[0].credentials["OPENAI"]["api_key"], encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        env = offline(env, tmp_path / "bq", stack.bigquery_url) | {
            "CLOUDSDK_CORE_PROJECT": stack.project,
            "CLOUDACT_API_URL": stack.api_url,
            "CLOUDACT_OPS_URL": stack.ops_url,
            "CLOUDACT_OPS_TOKEN": stack.ops_token,
        }
        printed = run_blocks([each for each in runbook.blocks() if each.local], tmp_path, [], env)
        assert re.search(r"openai_usage_cost .* SUCCESS ", printed)

    def test_those_of_google(self, stack: Stack, tmp_path: Path) -> None:
        """Each exits with 0 in one shell, in a clean checkout, and in an empty project; teardown leaves the data."""
        checkout = checkout_behind(tmp_path)
        (tmp_path / "stack.json").write_text(stack.to_json(), encoding="utf-8")
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        rehearsal = [sys.executable, "-m", "infra.rehearsal", "--state", str(tmp_path / "state")]
        rehearsal += ["--stack", str(tmp_path / "stack.json"), "--"]
        blocks = runbook.in_order([each for each in runbook.blocks() if not each.local])
        run_blocks(blocks, checkout, rehearsal, env)
        left = json.loads((tmp_path / "state" / "state.json").read_text("utf-8"))["resources"]
        assert [name for name in left if name.startswith("run/services/")] == []
        assert "projects/my-project-1/datasets/organizations" in left
        sent = (tmp_path / "state" / "requests.jsonl").read_text("utf-8")
        assert "secrets/cloudact-webhooks/versions/2" in sent  # rotated, and deployed with the new one


# The org was onboarded in the local cloud; what that made, the recorder must have too before it can be restored.
ONBOARDED = "bq mk --dataset --force initech\n"
TYPED = "my-project-1\n"  # what is typed: a secret, and the project's id for teardown


def checkout_behind(folder: Path) -> Path:
    """A clone whose origin has one commit more."""
    origin = clean_checkout(folder / "origin")
    checkout = folder / "checkout"
    for command in (
        f"git clone --quiet {origin} {checkout}",
        f"git -C {checkout} config user.name t",
        f"git -C {checkout} config user.email t@example.com",
        f"git -C {origin} -c user.name=t -c user.email=t@example.com commit --quiet --allow-empty --message next",
    ):
        subprocess.run(shlex.split(command), check=True)
    return checkout


def run_blocks(blocks: list[runbook.Block], folder: Path, prefix: list[str], env: dict[str, str]) -> str:
    """All blocks in one bash, which stops at the first command that fails; what was printed."""
    parts = [f"echo '# line {block.line}' >&2\n{block.text}" for block in blocks]
    restoring = next((number for number, block in enumerate(blocks) if "initech." in block.text and prefix), None)
    if restoring is not None:
        parts.insert(restoring, ONBOARDED)
    script = folder.parent / f"{folder.name}.sh"
    script.write_text("".join(parts), encoding="utf-8")
    command = [*prefix, "bash", "-euo", "pipefail", str(script)]
    done = subprocess.run(
        command, cwd=folder, env=env, input=TYPED * 9, capture_output=True, text=True, check=False, timeout=5400
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout
