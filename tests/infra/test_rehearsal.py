"""The scripts with the real gcloud and bq, against the recorder: what reaches Google, and that it does so once."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloudact.settings import ROOT, Settings
from infra.rehearsal.calls import READING
from infra.rehearsal.versions import REHEARSED, installed, pinned, warning
from localcloud.stack import running_stack
from tests.checked_requests import RECORDED
from tests.infra.deployment import (
    KINDS,
    Binding,
    dataset_bindings,
    documented_bindings,
    on,
    settings_file,
    short_role,
    who,
)

pytestmark = pytest.mark.skipif(
    not (shutil.which("gcloud") and shutil.which("bq")), reason="gcloud and bq are not installed"
)
Json = dict[str, Any]
AT = "projects/demo-project/locations/us-central1"
EMAIL = "cloudact-{}@demo-project.iam.gserviceaccount.com"
POLICIES = {  # how a resource's name ends → what the table calls it
    "serviceAccounts": "gcloud iam service-accounts",
    "queues": "gcloud tasks queues",
    "cryptoKeys": "gcloud kms keys",
    "secrets": "gcloud secrets",
    "repositories": "gcloud artifacts repositories",
    "jobs": "gcloud run jobs",
    "services": "gcloud run services",
}


@dataclass
class Rehearsed:
    """A folder with what commands made, and their requests. What they deploy is at `stack`, if there is one."""

    folder: Path
    root: Path = ROOT
    stack: Path | None = None

    def run(self, *command: str) -> list[Json]:
        """The requests of one command, which must succeed, that change something."""
        before = len(self.requests)
        rehearsal = [sys.executable, "-m", "infra.rehearsal", "--state", str(self.folder)]
        rehearsal += ["--stack", str(self.stack)] if self.stack else []
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*rehearsal, "--", *command], cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        RECORDED.update(json.loads((self.folder / "checked.json").read_text("utf-8")))
        assert done.returncode == 0, done.stderr
        reading = (*READING, ":generateAccessToken", ":generateIdToken")
        return [
            each for each in self.requests[before:] if each["method"] != "GET" and not each["path"].endswith(reading)
        ]

    @property
    def requests(self) -> list[Json]:
        """All that were made so far."""
        file = self.folder / "requests.jsonl"
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []

    @property
    def state(self) -> Json:
        """What commands made: resources and policies by name."""
        state: Json = json.loads((self.folder / "state.json").read_text("utf-8"))
        return state

    def resource(self, name: str) -> Json:
        """One of them."""
        held: Json = self.state["resources"][name]
        return held

    def container(self, name: str) -> Json:
        """The container of a job or service."""
        template = self.resource(f"run/{name}")["spec"]["template"]["spec"]
        template = template.get("template", template).get("spec", template)
        container: Json = template["containers"][0]
        return container

    def variables(self, name: str) -> dict[str, str]:
        """The environment of a job or service."""
        return {each["name"]: each["value"] for each in self.container(name)["env"]}

    def bindings(self) -> Iterator[Binding]:
        """What the policies of all resources, and the dataset's access, grant."""
        for name, policy in self.state["policies"].items():
            for binding in policy.get("bindings", []):
                for member in binding["members"]:
                    yield who(member), short_role(binding["role"]), _called(name)
        yield from dataset_bindings(self.resource("projects/demo-project/datasets/organizations"))


def _called(name: str) -> str:
    *_, collection, identity = ["", *name.split("/")]
    return on("project", "") if name == "projects/demo-project" else on(KINDS[POLICIES[collection]], identity)


def test_the_rehearsed_gcloud_is_the_one_that_is_written_down() -> None:
    """docs/adr/0017 names the installed gcloud, and the one that the build deploys with: who raises one reads it."""
    said = subprocess.run([str(shutil.which("gcloud")), "version"], capture_output=True, text=True, check=True).stdout
    assert f"Google Cloud SDK {installed()}\n" in said
    assert installed() == REHEARSED
    decision = next((ROOT / "docs" / "adr").glob("0017-*.md")).read_text(encoding="utf-8")
    assert f"gcloud {REHEARSED}" in decision
    assert pinned()
    assert f"`{pinned()}-stable`" in decision
    assert (warning(pinned(), pinned()), pinned() in warning(installed(), pinned())) == ("", installed() != pinned())


def test_schedule(tmp_path: Path) -> None:
    """schedule.sh sends what Cloud Scheduler's schema and rules allow: two calls, for the function's own address."""
    rehearsed, settings = Rehearsed(tmp_path / "state"), settings_file(tmp_path)
    service = {"metadata": {"name": "ops"}, "spec": {}, "status": {"url": "https://ops.example.com"}}
    rehearsed.folder.mkdir()
    (rehearsed.folder / "state.json").write_text(json.dumps({"resources": {"run/services/ops": service}}))
    before = RECORDED["cloudscheduler.v1"]
    made = rehearsed.run("infra/schedule.sh", "--settings", str(settings))
    assert [each["body"]["httpTarget"]["uri"] for each in made] == [
        f"https://ops.example.com/ops/{name}" for name in ("daily", "sweep")
    ]
    assert RECORDED["cloudscheduler.v1"] - before == len(rehearsed.requests) - 1
    assert RECORDED["refused"] == 0


def test_a_key_is_made_once_and_rotates(tmp_path: Path) -> None:
    """setup makes ring and key, which rotates every 90 days, with rights apart; a second run changes nothing."""
    rehearsed, settings = Rehearsed(tmp_path / "state"), settings_file(tmp_path)
    command = ("infra/setup.sh", "--settings", str(settings), "--only", "keys")
    made = rehearsed.run(*command)
    assert [each["path"].rpartition("/")[2] for each in made if ":" not in each["path"]] == ["keyRings", "cryptoKeys"]
    key = rehearsed.resource(f"{AT}/keyRings/cloudact/cryptoKeys/credentials")
    assert (key["purpose"], key["rotationPeriod"]) == ("ENCRYPT_DECRYPT", "7776000s")
    assert "nextRotationTime" in key
    roles = {role.rpartition(".")[2] for _, role, _ in rehearsed_policy(rehearsed)}
    assert roles == {"cryptoKeyEncrypter", "cryptoKeyDecrypter"}
    assert rehearsed.run(*command) == []


def test_what_queries_may_bill_is_limited_once(tmp_path: Path) -> None:
    """setup limits the project's day and each account's, in MiB; a second run changes nothing, a higher setting one."""
    rehearsed, settings = Rehearsed(tmp_path / "state"), settings_file(tmp_path)
    command = ("infra/setup.sh", "--settings", str(settings), "--only", "quotas")
    made = rehearsed.run(*command)
    overrides = [each["body"]["inlineSource"]["overrides"][0] for each in made]
    metric = "bigquery.googleapis.com/quota/query/usage"
    assert [(each["metric"], each["unit"], each["overrideValue"]) for each in overrides] == [
        (metric, "1/d/{project}", "2097152"),
        (metric, "1/d/{project}/{user}", "1048576"),
    ]
    assert [each["body"]["force"] for each in made] == [True, True]
    assert rehearsed.run(*command) == []
    settings_file(tmp_path, {"QUERY_GIB_PER_DAY": "4096"})
    changed = [each["body"]["inlineSource"]["overrides"] for each in rehearsed.run(*command)]
    assert changed == [[{"metric": metric, "unit": "1/d/{project}", "overrideValue": "4194304"}]]


def rehearsed_policy(rehearsed: Rehearsed) -> Iterator[Binding]:
    """The bindings of the policies alone."""
    for name, policy in rehearsed.state["policies"].items():
        for binding in policy["bindings"]:
            yield from ((who(member), binding["role"], _called(name)) for member in binding["members"])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """All scripts, run once from a clean checkout into an empty project; its functions are those of the local cloud."""
    folder = tmp_path_factory.mktemp("deployed")
    checkout = clean_checkout(folder / "checkout")
    settings_file(folder)
    with running_stack(folder / "stack", api_port=0, ops_port=0, ops_callers=CALLERS):
        rehearsed = Rehearsed(folder / "state", checkout, folder / "stack" / "stack.json")
        for script in SCRIPTS:
            rehearsed.run("bash", "-c", f"infra/{script} --settings {folder}/settings")
            if script == "setup.sh":
                rehearsed.run("bash", "-c", FILL_JWT_SECRET)
        yield rehearsed


CALLERS = (EMAIL.format("scheduler"), EMAIL.format("operator"))
FILL_JWT_SECRET = "echo any | gcloud --project=demo-project secrets versions add cloudact-jwt --data-file=-"
SCRIPTS = ("setup.sh", "deploy.sh", "schedule.sh", "monitoring.sh")
OPEN = "run.googleapis.com/invoker-iam-disabled"


@pytest.mark.bench
def test_behind_the_check(tmp_path: Path) -> None:
    """With OPS_INVOKER=iam ops is deployed behind Cloud Run's check, believes in it, and answers its callers."""
    checkout = clean_checkout(tmp_path / "checkout")
    file = settings_file(tmp_path, {"OPS_INVOKER": "iam", "API_INVOKER": "everyone", "JWT_SECRET": None})
    with running_stack(tmp_path / "stack", api_port=0, ops_port=0, ops_invoker="iam", ops_callers=CALLERS):
        rehearsed = Rehearsed(tmp_path / "state", checkout, tmp_path / "stack" / "stack.json")
        parts = "--only accounts --only registry --only secrets --only dataset"
        rehearsed.run("bash", "-c", f"infra/setup.sh --settings {file} {parts}")
        rehearsed.run("bash", "-c", f"infra/deploy.sh --settings {file}")  # it ends with the smoke test
        assert rehearsed.run("bash", "-c", f"infra/deploy.sh --settings {file} --no-smoke") == []
    for name in ("api", "ops"):
        assert OPEN not in rehearsed.resource(f"run/services/{name}")["metadata"]["annotations"]
    assert rehearsed.variables("services/ops")["CLOUDACT_OPS_INVOKER_CHECK"] == "true"
    granted = {(member, where) for member, role, where in rehearsed_policy(rehearsed) if role == "roles/run.invoker"}
    assert granted == {("scheduler", "function ops"), ("operator", "function ops"), ("everyone", "function api")}


def clean_checkout(folder: Path) -> Path:
    """What git tracks or would, committed."""
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *command], check=True)
    return folder


@pytest.mark.bench
class TestWholeDeployment:
    """The whole way, some three minutes: gcloud takes a second for each of its hundred commands."""

    def test_the_job(self, deployed: Rehearsed) -> None:
        """One task a run, as many retries as the job is told of, an hour, the image by digest, its own identity."""
        execution = deployed.resource("run/jobs/runner")["spec"]["template"]["spec"]
        task = execution["template"]["spec"]
        assert (execution["taskCount"], execution.get("parallelism", 0)) == (1, 0)
        assert (task["maxRetries"], task["timeoutSeconds"]) == (3, "3600")
        assert task["serviceAccountName"] == EMAIL.format("runner")
        container = deployed.container("jobs/runner")
        assert container["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
        assert "/cloudact/runner@sha256:" in container["image"]
        assert deployed.variables("jobs/runner")["CLOUDACT_TASK_MAX_RETRIES"] == "3"

    def test_the_migration(self, deployed: Rehearsed) -> None:
        """It has run, as the migrator, from the job's image, before any function was deployed."""
        container = deployed.container("jobs/migrate")
        assert [*container["command"], *container["args"]] == ["python", "-m", "infra.migrate"]
        assert container["image"] == deployed.container("jobs/runner")["image"]
        paths = [each["path"] for each in deployed.requests if each["method"] == "POST"]
        assert paths.index("/apis/run.googleapis.com/v1/namespaces/demo-project/jobs/migrate:run") < paths.index(
            "/v2/projects/demo-project/locations/us-central1/builds:submit"
        )

    def test_the_image(self, deployed: Rehearsed) -> None:
        """It is built from jobs/Dockerfile, as the builder, named by the commit."""
        build = next(each["body"] for each in deployed.requests if each["path"].endswith("/builds"))
        assert build["serviceAccount"] == f"projects/demo-project/serviceAccounts/{EMAIL.format('builder')}"
        assert "--file=jobs/Dockerfile" in build["steps"][0]["args"]
        asking = ["git", "-C", str(deployed.root), "rev-parse", "HEAD"]
        revision = subprocess.run(asking, capture_output=True, text=True, check=True).stdout.strip()
        assert build["substitutions"]["_IMAGE"].endswith(f"/runner:{revision}")

    @pytest.mark.parametrize("process", ["api", "ops"])
    def test_a_function(self, process: str, deployed: Rehearsed) -> None:
        """Built from source as the builder, a thread for each request, CPU boost, its own identity, usable settings."""
        service = deployed.resource(f"run/services/{process}")
        notes, template = service["metadata"]["annotations"], service["spec"]["template"]
        assert notes["run.googleapis.com/build-function-target"] == process
        assert json.loads(notes["run.googleapis.com/build-environment-variables"]) == {
            "GOOGLE_FUNCTION_SOURCE": "functions/main.py",
            "SOURCE_DATE_EPOCH": "315532801",
        }
        assert notes["run.googleapis.com/build-service-account"].endswith(EMAIL.format("builder"))
        assert template["metadata"]["annotations"]["run.googleapis.com/startup-cpu-boost"] == "True"
        assert template["spec"]["serviceAccountName"] == EMAIL.format(process)
        told = deployed.variables(f"services/{process}")
        assert told["THREADS"] == str(template["spec"]["containerConcurrency"])
        assert Settings.from_env(told).webhook_secret.endswith("/cloudact-webhooks/versions/1")

    @pytest.mark.parametrize("process", ["api", "ops"])
    def test_who_reaches_a_function(self, process: str, deployed: Rehearsed) -> None:
        """Everybody, without a grant to everybody: the function authenticates; and ops is told of no check."""
        assert deployed.resource(f"run/services/{process}")["metadata"]["annotations"][OPEN] == "True"
        assert [binding for binding in deployed.bindings() if "run.invoker" in binding[1]] == []
        assert "CLOUDACT_OPS_INVOKER_CHECK" not in deployed.variables(f"services/{process}")

    def test_the_audience_of_ops(self, deployed: Rehearsed) -> None:
        """ops, and both scheduled calls, name the address that Cloud Run gave it; only two identities may call."""
        url = deployed.resource("run/services/ops")["status"]["url"]
        told = deployed.variables("services/ops")
        assert told["CLOUDACT_OPS_AUDIENCE"] == url
        assert told["CLOUDACT_OPS_CALLERS"] == f"{EMAIL.format('scheduler')},{EMAIL.format('operator')}"
        for name, deadline in (("daily", "900s"), ("sweep", "280s")):
            call = deployed.resource(f"{AT}/jobs/cloudact-{name}")
            target = call["httpTarget"]
            assert target["uri"] == f"{url}/ops/{name}"
            assert target["oidcToken"] == {"audience": url, "serviceAccountEmail": EMAIL.format("scheduler")}
            assert base64.b64decode(target["body"]) == b"{}"
            assert (call["timeZone"], call["attemptDeadline"]) == ("Etc/UTC", deadline)

    def test_the_queues(self, deployed: Rehearsed) -> None:
        """Slower than the region's quota, and both limits that together end a task's retries."""
        queue = deployed.resource(f"{AT}/queues/runs")
        assert queue["rateLimits"] == {"maxDispatchesPerSecond": 0.4, "maxConcurrentDispatches": 5}
        assert (queue["retryConfig"]["maxAttempts"], queue["retryConfig"]["maxRetryDuration"]) == (8, "3600s")

    def test_the_secret(self, deployed: Rehearsed) -> None:
        """The random bytes of the one for webhooks were sent once, and are in no record."""
        versions = [each for each in deployed.requests if each["path"].endswith("/cloudact-webhooks:addVersion")]
        assert [each["body"]["payload"]["data"] for each in versions] == ["(not recorded)"]

    def test_who_may_what(self, deployed: Rehearsed) -> None:
        """The policies hold docs/permissions.md, line by line, and nothing else."""
        assert sorted(deployed.bindings()) == sorted(documented_bindings())

    def test_monitoring(self, deployed: Rehearsed) -> None:
        """Each file is there, and alerts reach the address of the settings."""
        names = list(deployed.state["resources"])
        channel = next(name for name in names if "/notificationChannels/" in name)
        alerts = [deployed.resource(name) for name in names if "/alertPolicies/" in name]
        assert len(alerts) == len(list((deployed.root / "infra/monitoring/policies").iterdir()))
        assert all(alert["notificationChannels"] == [channel] for alert in alerts)
        metrics = [name for name in names if "/metrics/" in name]
        assert len(metrics) == len(list((deployed.root / "infra/monitoring/metrics").iterdir()))

    def test_a_second_run_changes_nothing(self, deployed: Rehearsed) -> None:
        """The same scripts again send no request that changes anything."""
        for script in SCRIPTS:
            command = f"infra/{script} --settings {deployed.folder.parent}/settings"
            assert deployed.run("bash", "-c", command) == [], script

    def test_what_differs_is_applied_and_nothing_else(self, deployed: Rehearsed) -> None:
        """Other settings change the queue, the key's rotation, the API's memory, what ops is told, and one schedule."""
        folder = deployed.folder.parent / "changed"
        folder.mkdir()
        changes = {"JOB_RUNS_PER_MINUTE": "12", "KEY_ROTATION_DAYS": "30", "API_MEMORY_MIB": "1024"}
        file = settings_file(folder, {**changes, "SWEEP_SCHEDULE": "*/10 * * * *"})
        sent = [
            each["path"].rpartition("/")[2]
            for script in ("setup.sh --only queues --only keys", "deploy.sh", "schedule.sh")
            for each in deployed.run("bash", "-c", f"infra/{script} --settings {file}")
            if each["method"] in ("PUT", "PATCH") or each["path"].endswith(":run")
        ]
        assert sent == [
            "runs", "credentials", "ops", "api", "migrate:run", "migrate", "cloudact-sweep",
        ]  # fmt: skip
        assert deployed.resource(f"{AT}/queues/runs")["rateLimits"]["maxDispatchesPerSecond"] == 0.2
        assert deployed.resource(f"{AT}/keyRings/cloudact/cryptoKeys/credentials")["rotationPeriod"] == "2592000s"
        assert deployed.container("services/api")["resources"]["limits"]["memory"] == "1024Mi"
        assert deployed.variables("services/ops")["CLOUDACT_JOB_RUNS_PER_MINUTE"] == "8"
        assert deployed.resource(f"{AT}/jobs/cloudact-sweep")["schedule"] == "*/10 * * * *"

    def test_teardown_leaves_the_data(self, deployed: Rehearsed) -> None:
        """Functions, jobs, calls and alerts go; queues, key, secret and dataset stay."""
        command = f"infra/teardown.sh --settings {deployed.folder.parent}/settings <<<demo-project"
        deployed.run("bash", "-c", command)
        left = set(deployed.state["resources"])
        gone = ("run/services/", "run/jobs/", f"{AT}/jobs/", "alertPolicies/", "dashboards/", "/metrics/")
        assert [name for name in left if any(each in name for each in gone)] == []
        kept = ("queues/runs", "cryptoKeys/credentials", "secrets/cloudact-webhooks", "datasets/organizations")
        assert all(any(name.endswith(each) for name in left) for each in kept)

    def test_teardown_takes_all_but_the_key(self, deployed: Rehearsed) -> None:
        """With every flag nothing of ours is left but the key ring, which Google keeps."""
        flags = "--queues --secrets --images --accounts --datasets"
        command = f"infra/teardown.sh --settings {deployed.folder.parent}/settings {flags} <<<demo-project"
        deployed.run("bash", "-c", command)
        left = [name for name in deployed.state["resources"] if "/versions/" not in name]
        kinds = ("queues", "secrets", "repositories", "serviceAccounts", "datasets")
        assert [name for name in left if name.rpartition("/")[0].rpartition("/")[2] in kinds] == []
        assert f"{AT}/keyRings/cloudact/cryptoKeys/credentials" in left
