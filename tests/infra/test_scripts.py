"""The scripts of infra/ without gcloud: settings, help, what a dry run prints, and how they stop."""

import json
import re
import subprocess
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from cloudact import clients
from cloudact.errors import ConfigError
from cloudact.settings import PREFIX, ROOT, Settings
from cloudact.warehouse.datasets import claim_org_dataset
from localcloud.stack import OPERATOR
from tests.conftest import Local
from tests.functions.fleet import new_fleet
from tests.functions.operators import operator_token
from tests.infra.deployment import DIGEST, NOT_FOUND, Project, commands, environment, flag, settings_file
from tests.served import fronted

SCRIPTS = ("setup", "deploy", "schedule", "monitoring", "teardown", "verify_project")
READING = re.compile(
    r"gcloud (alpha |beta )?[a-z -]*\b(list|describe|get-iam-policy|list-files-for-upload)\b|bq .* (show|ls) "
)


DEPLOY = ("--revision", "abc123", "--image", DIGEST)


DryRuns = Callable[..., tuple[str, list[str]]]


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> DryRuns:
    """What a script prints with --dry-run in an empty project, and what it asks gcloud and bq; it runs once."""

    @cache
    def ran(script: str, *flags: str) -> tuple[str, list[str]]:
        project = Project(tmp_path_factory.mktemp(script))
        done = project.run(f"{script}.sh", "--dry-run", *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout, project.asked

    return ran


@pytest.fixture
def printed(dry: DryRuns) -> list[list[str]]:
    """The commands of a first deployment."""
    return commands(dry("setup")[0] + dry("deploy", *DEPLOY)[0])


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What is deployed into a project with a labelled dataset: with a variable more, and behind Cloud Run's check."""
    answer = f"""if [[ $0 == */bq ]]; then echo '{INSTALLED}'; else {NOT_FOUND}; fi"""
    changes = {"CLOUDACT_LATE_DAYS": "30", "OPS_INVOKER": "iam"}
    done = Project(tmp_path_factory.mktemp("changed"), answer).run("deploy.sh", "--dry-run", *DEPLOY, changes=changes)
    assert done.returncode == 0, done.stderr
    return [command for command in commands(done.stdout) if "deploy" in command]


def one(printed: list[list[str]], *words: str) -> list[str]:
    """The only command that begins with these words."""
    found = [command for command in printed if tuple(command[: len(words)]) == words]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_the_comment_of_the_script(script: str, tmp_path: Path) -> None:
    """--help tells what a script does and its exit codes, and asks nobody anything."""
    done = Project(tmp_path).run(f"{script}.sh", "--help")
    assert done.returncode == 0
    assert f"infra/{script}.sh [--settings FILE]" in done.stdout
    assert "Exits 0" in done.stdout
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"PROJECT": None}, "lacks PROJECT;"),
        ({"REGION": ""}, "REGION in .* is empty"),
        ({"ALERT_EMAIL": ""}, "ALERT_EMAIL in .* is empty; leave the line out"),
        ({"QUEUES": "runs"}, "QUEUES is not a setting"),
        ({"CLOUDACT_MAX_BYTE": "1"}, "CLOUDACT_MAX_BYTE is not a setting"),
        ({"JOB_MAX_RETRIES": "11"}, 'JOB_MAX_RETRIES in .* is "11", which is not a number from 0 to 10'),
        ({"JOB_TASK_RUNS": "0"}, "JOB_TASK_RUNS in"),
        ({"REGION_VCPUS": "0"}, "REGION_VCPUS in"),
        ({"JOB_PARALLELISM": "10"}, "JOB_PARALLELISM is not a setting"),
        ({"OPS_TIMEOUT_S": "3600"}, "Cloud Scheduler waits no longer"),
        ({"CORS_ORIGINS": "a|b"}, "CORS_ORIGINS holds a |"),
        ({"DAILY_SCHEDULE": "daily"}, "a schedule of five fields"),
        ({"PREFIX": "$(touch here)"}, "a beginning of names"),
        ({"KE[Y$(touch${IFS}here)]": "x"}, "what is there is no name"),
        ({"JWT_ISSUER": '"https://id.example.com"'}, "JWT_ISSUER holds a quote"),
        ({"CLOUDACT_OPS_CALLERS": "x@example.com"}, "CLOUDACT_OPS_CALLERS is not a setting"),
        ({"JOB_RUNS_PER_MINUTE": "1000"}, "JOB_RUNS_PER_MINUTE in .*, which is not a number from 1 to 900"),
        ({"JOB_RUN_SECONDS": "020"}, "JOB_RUN_SECONDS in .*, which is not a number"),
        ({"JWT_JWKS_URL": "https://id.example.com/keys"}, "JWT_SECRET and JWT_JWKS_URL; sessions are verified in one"),
        ({"JWT_ISSUER": None}, "needs JWT_ISSUER too"),
        ({"CONSOLE_CLIENT_ID": "console"}, "needs CONSOLE_URL and JWT_JWKS_URL"),
        ({"CORS_ORIGINS": "app.example.com"}, "CORS_ORIGINS in .*, which is not a list of origins"),
        ({"JOB_MEMORY_GIB": "0"}, "JOB_MEMORY_GIB in"),
        ({"API_SERVICE": "Api"}, "a name of lower-case letters"),
        ({"QUERY_GIB_PER_DAY": "0"}, "QUERY_GIB_PER_DAY in .*, which is not a number from 1 to 999999"),
        ({"OPS_INVOKER": "everyone"}, 'OPS_INVOKER in .* is "everyone", which is not no-check or iam'),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, str | None], sentence: str, tmp_path: Path) -> None:
    """One sentence names the setting; exit code 2, and gcloud was not called."""
    done = Project(tmp_path).run("setup.sh", changes=changes)
    assert done.returncode == 2
    assert re.search(sentence, done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name in ("asked", "here")] == []


NUMBERS = {
    "REGION_VCPUS": ("1", "999999"),
    "REGION_MEMORY_GIB": ("1", "999999"),
    "JOB_CPU": ("1", "8"),
    "JOB_MEMORY_GIB": ("0.5", "32"),
    "JOB_TIMEOUT_S": ("60", "86400"),
    "JOB_MAX_RETRIES": ("0", "10"),
    "JOB_TASK_RUNS": ("1", "200"),
    "JOB_RUN_SECONDS": ("1", "3600"),
    "JOB_RUNS_PER_MINUTE": ("1", "900"),
}
"""The least and the most of each number that scripts and code share; what is beyond is refused by the scripts."""
GIVEN_ON = re.compile(r"^CLOUDACT_([A-Z_]+)=\$[({ ]*([A-Z_]+)", re.MULTILINE)
READ = """
refuse() { echo "$*" >&2; }
SETTINGS_FILE=$1 INSTALLATION=testing WEBHOOK_SECRET_VERSION=projects/p/secrets/s/versions/1
. infra/bash/settings.sh
. infra/bash/variables.sh
variables_of ops
variables_of runner
"""


def read(folder: Path, name: str, number: str) -> tuple[bool, bool]:
    """Whether the scripts take the number, and whether `Settings` would, whatever the scripts say."""
    file = settings_file(folder, {name: number})
    done = subprocess.run(
        ["/usr/bin/env", "bash", "-c", READ, "bash", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    try:
        Settings.from_env(dict(line.split("=", 1) for line in done.stdout.splitlines()))
    except ConfigError:
        return not done.stderr, False
    return not done.stderr, True


def test_every_number_that_is_shared_is_known() -> None:
    """Whatever the scripts hand on and the code bounds is in the list above."""
    text = (ROOT / "infra" / "bash" / "variables.sh").read_text(encoding="utf-8")
    numbers = {name for name, field in Settings.model_fields.items() if field.annotation in (int, float, Decimal)}
    assert {script for field, script in GIVEN_ON.findall(text) if field.lower() in numbers} == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_scripts_and_code_have_the_same_bounds(name: str, tmp_path: Path) -> None:
    """What the scripts deploy, the code starts with: both take the least and the most, and neither what is beyond."""
    least, most = NUMBERS[name]
    below = "-1" if least == "0" else "59" if least == "60" else "0"
    assert [read(tmp_path, name, number) for number in (least, most)] == [(True, True)] * 2
    beyond = [read(tmp_path, name, number) for number in (below, str(int(most) + 1))]
    assert beyond == [(False, False)] * 2


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_flag_that_nobody_knows(script: str, tmp_path: Path) -> None:
    """It is named; exit code 2."""
    done = Project(tmp_path).run(f"{script}.sh", "--everything")
    assert (done.returncode, "--everything" in done.stderr) == (2, True)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_dry_run_only_reads(script: str, dry: DryRuns) -> None:
    """gcloud and bq are asked what there is, and nothing else; also where there is no image yet."""
    _, asked = dry(script, *(("--revision", "abc123") if script == "deploy" else ()))
    assert [each for each in asked if not READING.match(each)] == []


def test_the_job_is_deployed_with_what_it_is_told(printed: list[list[str]]) -> None:
    """Retries, vCPUs and memory in the job's environment are those of its flags; the image is named by digest."""
    job = one(printed, "gcloud", "run", "jobs", "deploy", "runner")
    told = environment(job)
    assert (flag(job, "image"), flag(job, "tasks"), flag(job, "task-timeout")) == (DIGEST, "1", "3600s")
    assert flag(job, "max-retries") == told["CLOUDACT_TASK_MAX_RETRIES"]
    assert (flag(job, "cpu"), flag(job, "memory")) == (told["CLOUDACT_JOB_CPU"], told["CLOUDACT_JOB_MEMORY_GIB"] + "Gi")


@pytest.mark.parametrize("process", ["api", "ops"])
def test_a_function_has_a_thread_for_each_request(process: str, printed: list[list[str]]) -> None:
    """THREADS is the concurrency, the whole project is on the path, and starting may use more CPU."""
    function = one(printed, "gcloud", "run", "deploy", process)
    told = environment(function)
    assert (told["THREADS"], told["PYTHONPATH"]) == (flag(function, "concurrency"), "/workspace")
    assert "--cpu-boost" in function


def test_the_environments_are_usable(printed: list[list[str]]) -> None:
    """What each process is given is what cloudact/settings.py reads; no secret is in it, only names of versions."""
    deployed = [command for command in printed if "deploy" in command]
    assert len(deployed) == 4
    for command in deployed:
        told = environment(command)
        names = {name for name in told if name.startswith(PREFIX)}
        assert names <= {PREFIX + field.upper() for field in Settings.model_fields}
        settings = Settings.from_env(told)
        assert settings.project == "demo-project"
        assert settings.webhook_secret in ("", "projects/demo-project/secrets/cloudact-webhooks/versions/1")


def test_the_queues_are_slow_enough_and_give_up(printed: list[list[str]]) -> None:
    """Runs start below the region's quota of 30 a minute; both queues limit attempts and duration, so that they end."""
    runs = one(printed, "gcloud", "tasks", "queues", "create", "runs")
    assert float(flag(runs, "max-dispatches-per-second")) * 60 < 30
    told = one(printed, "gcloud", "tasks", "queues", "create", "notifications")
    assert [flag(queue, "max-attempts") for queue in (runs, told)] == ["8", "10"]
    assert [flag(queue, "max-retry-duration") for queue in (runs, told)] == ["3600s", "86400s"]


def test_tables_come_before_whoever_asks_for_them(printed: list[list[str]]) -> None:
    """The migration runs between the deployment of its job and that of the runner and of the first function."""
    steps = [" ".join(command[1:5]) for command in printed if command[1] == "run"]
    order = ["run jobs deploy migrate", "run jobs execute migrate"]
    order += ["run jobs deploy runner", "run deploy ops --region=us-central1"]
    assert sorted(steps.index(step) for step in order) == [steps.index(step) for step in order]


REFUSED = 'echo "PERMISSION_DENIED: Failed to impersonate" >&2; exit 1'
# A project where everything is deployed; $open is what Cloud Run says of the invoker check.
DEPLOYED = """case "$0 $*" in
  */bq*show*) echo '{"location": "US", "labels": {"cloudact_installation": "a1b2"}}' ;;
  *print-identity-token*) echo "PERMISSION_DENIED: Failed to impersonate" >&2; exit 1 ;;
  *"secrets versions list"*) echo 1 ;;
  *"services describe"*)
    echo '{"metadata": {"annotations": {"run.googleapis.com/invoker-iam-disabled": "OPEN"}},
      "status": {"url": "https://x.test"}, "spec": {"traffic": [{"latestRevision": true}]}}' ;;
esac"""


def steps_of_ops(folder: Path, invoker: str, opened: str) -> list[str]:
    """What a deployment with this OPS_INVOKER does to `ops`, where Cloud Run's check is off (True) or on.

    It asks nobody whether all works, and says so.
    """
    project = Project(folder, DEPLOYED.replace("OPEN", opened))
    done = project.run("deploy.sh", "--no-smoke", *DEPLOY, changes={"OPS_INVOKER": invoker})
    assert done.returncode == 0, done.stderr
    assert "/ops/access lets them in" in done.stderr
    update = re.compile(r"gcloud run (deploy ops|services update ops .*(--(?:no-)?invoker-iam-check))")
    return [found[2] or found[1] for each in project.asked if (found := update.match(each))]


@pytest.mark.parametrize(
    ("invoker", "opened", "steps"),
    [
        ("no-check", "True", ["deploy ops"]),
        ("no-check", "", ["deploy ops", "--no-invoker-iam-check"]),
        ("no-check", "False", ["deploy ops", "--no-invoker-iam-check"]),
        ("iam", "", ["deploy ops"]),
        ("iam", "True", ["--invoker-iam-check", "deploy ops"]),
    ],
)
def test_who_believes_in_the_check_never_stands_without_it(
    invoker: str, opened: str, steps: list[str], tmp_path: Path
) -> None:
    """The check is on before the function believes in it, off after; and is not touched where it is as it should be."""
    assert steps_of_ops(tmp_path, invoker, opened) == steps


def test_ops_is_told_of_the_check(tmp_path: Path, printed: list[list[str]], changed: list[list[str]]) -> None:
    """With `iam`, and then only, it is told that signatures are verified before; and nobody can say so by hand."""
    for invoker, deployed in {"no-check": printed, "iam": changed}.items():
        told = environment(one(deployed, "gcloud", "run", "deploy", "ops"))
        assert Settings.from_env(told).ops_invoker_check is (invoker == "iam"), invoker
    by_hand = Project(tmp_path).run("setup.sh", changes={"CLOUDACT_OPS_INVOKER_CHECK": "true"})
    assert (by_hand.returncode, "is not a setting" in by_hand.stderr) == (2, True)


def test_a_smoke_test_without_a_token_fails(tmp_path: Path) -> None:
    """Whoever may not act as an operator is told that all is deployed, what is not known, and what to do."""
    project = Project(tmp_path, DEPLOYED)
    done = project.run("deploy.sh", *DEPLOY)
    assert done.returncode == 1
    for words in ("Failed to impersonate", "All is deployed, but whether ops lets its callers in", "into OPERATORS"):
        assert words in done.stderr
    (asked, *again) = [each for each in project.asked if "print-identity-token" in each]
    assert "--audiences=https://x.test" in asked
    assert "--include-email" in asked
    assert len(again) == 6  # the right may be new


def test_a_deployment_lets_the_api_into_the_datasets_of_orgs_of_before(local: Local, tmp_path: Path) -> None:
    """deploy.sh ends with POST /ops/access; an org that fails is named, and --allow-failed-orgs goes on without it."""
    fleet = new_fleet(local, dataset_readers="cloudact-api@p.iam.gserviceaccount.com")
    claim_org_dataset(fleet.warehouse, fleet.settings.dataset + "_a")
    fleet.add([fleet.settings.dataset + "_a", fleet.settings.dataset + "_gone"])
    with fronted(local, fleet.settings, "no-check") as fronts:
        token = operator_token(local, OPERATOR, fronts.ops_url)
        urls = f'url={fronts.ops_url}; [[ "$*" == *"describe api"* ]] && url={fronts.api_url}'
        answers = DEPLOYED.replace("OPEN", "True").replace("https://x.test", "'$url'").replace(REFUSED, f"echo {token}")
        project = Project(tmp_path, f"{urls}\n{answers}")
        failed, allowed = (project.run("deploy.sh", *DEPLOY, *flags) for flags in ((), ("--allow-failed-orgs",)))
    assert (failed.returncode, allowed.returncode) == (1, 0), (failed.stderr, allowed.stderr)
    assert "some orgs' datasets have not let in" in failed.stderr
    assert failed.stderr.rstrip().endswith(f"{fleet.settings.dataset}_gone")
    entries = clients.bigquery(fleet.settings).get_dataset(fleet.settings.dataset + "_a").access_entries
    assert ("READER", fleet.settings.dataset_readers) in [(each.role, each.entity_id) for each in entries]


def test_more_variables_reach_every_process(changed: list[list[str]]) -> None:
    """A CLOUDACT_* line of the settings is in all four environments."""
    assert [environment(command)["CLOUDACT_LATE_DAYS"] for command in changed] == ["30"] * 4


VERIFIED = r"""
case "$*" in
  *"jobs deploy"*) echo "parallelism: must be <= task_count" >&2; exit 1 ;;
  *"jobs describe"*) echo '{"spec": {"template": {"spec": {"parallelism": 10}}}}' ;;
  *"roles describe"*) echo '{"includedPermissions": ["run.jobs.run", "bigquery.jobs.create"]}' ;;
  *"quotas info list"*)
    of_region='{"applicableLocations": ["us-central1"], "details": {"value": "20"}}'
    echo "[{\"quotaId\": \"CpuPerRegion\", \"dimensionsInfos\": [$of_region]}]" ;;
  *"services quota list"*)
    bucket='"quotaBuckets": [{"effectiveLimit": "1048576", "consumerOverride": {"overrideValue": "1048576"}}]'
    limits="[{\"unit\": \"1/d/{project}/{user}\", $bucket}]"
    echo "[{\"metric\": \"bigquery.googleapis.com/quota/query/usage\", \"consumerQuotaLimits\": $limits}]" ;;
  *first_day:DATE:$(date -u +%F)*) echo '{"statistics": {"totalBytesProcessed": "100"}}' ;;
  *first_day*) echo '{"statistics": {"totalBytesProcessed": "4000"}}' ;;
  *"services describe"*) echo '{"status": {"url": "http://127.0.0.1:1"}}' ;;
  *print-identity-token*) echo token-of-the-operator ;;
  *) exit 1 ;;
esac
"""


def test_what_a_project_is_asked(tmp_path: Path) -> None:
    """A line an answer: what holds, what differs, and what could not be told; the operator's token is no argument."""
    project = Project(tmp_path, VERIFIED)
    done = project.run("verify_project.sh")
    told = [line.split(maxsplit=1)[0] for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert told == [
        "ok",
        "differs",
        "differs",
        "differs",
        "differs",
        "ok",
        "CpuPerRegion",
        "ok",
        "differs",
        "ok",
        "not",
        "not",
    ]
    assert "sql/queries" not in done.stdout
    assert "is 100 bytes of 4000: partitions are pruned" in done.stdout
    assert "roles/run.jobsExecutorWithOverrides lacks run.jobs.runWithOverrides" in done.stdout
    assert "bill a day is not limited, and 1048576 of each account, in MiB" in done.stdout
    assert "5 answers differ" in done.stderr
    assert [asked for asked in project.asked if "token-of-the-operator" in asked] == []
    assert any("jobs delete cloudact-verify" in asked for asked in project.asked)


def test_an_image_without_digest_is_refused(tmp_path: Path) -> None:
    """A tag may point elsewhere tomorrow."""
    done = Project(tmp_path).run("deploy.sh", "--revision", "abc123", "--image", "example.com/runner:latest")
    assert (done.returncode, "must end in @sha256:" in done.stderr) == (2, True)


def test_a_failure_names_command_and_remedy(tmp_path: Path) -> None:
    """The first command that fails ends the script with exit code 1; nothing comes after."""
    project = Project(tmp_path, 'echo "PERMISSION_DENIED: not yours" >&2; exit 1')
    done = project.run("setup.sh")
    assert done.returncode == 1
    assert "gcloud services list --enabled" in done.stderr
    assert "You may lack the right" in done.stderr
    assert len(project.asked) == 1


def test_what_passes_is_tried_again(tmp_path: Path) -> None:
    """An API that was enabled just now is waited for, seven times in all."""
    project = Project(tmp_path, 'echo "SERVICE_DISABLED: Cloud KMS API has not been used in project" >&2; exit 1')
    done = project.run("setup.sh", "--only", "keys")
    assert (done.returncode, len(project.asked)) == (1, 7)


@pytest.mark.parametrize(
    "told",
    [
        "NOT_FOUND: Cannot find metric(s) that match type. It could take up to 10 minutes to become available",
        "INVALID_ARGUMENT: Role (projects/demo-project/roles/cloudactJobs) does not exist in the resource's hierarchy.",
        "NOT_FOUND: Unknown service account",
        "PERMISSION_DENIED: Permission iam.serviceAccounts.setIamPolicy denied on resource (or it may not exist).",
        "BigQuery error in update operation: User cloudact-api@demo-project.iam.gserviceaccount.com does not exist.",
        "BigQuery error in update operation: IAM setPolicy failed for Dataset demo-project:organizations",
        "INVALID_ARGUMENT: member deleted:serviceAccount:cloudact-api@demo-project.iam.gserviceaccount.com?uid=1",
    ],
)
def test_what_was_just_made_is_waited_for(told: str, tmp_path: Path) -> None:
    """Google answers so for seconds or minutes after something was made; the step that fails twice is tried again."""
    fails = f'[[ $* != *add-iam-policy-binding* && $* != *"policies create"* ]] || {{ echo "{told}" >&2; '
    times = 'echo >>"$HOME/tries"; (($(wc -l <"$HOME/tries") > 2)) || exit 1; }; '
    answer = fails + times + f"case $* in *describe*|*list*|*get-iam-policy*) {NOT_FOUND};; esac"
    name, flags = ("monitoring.sh", ()) if "metric" in told else ("setup.sh", ("--only", "accounts"))
    done = Project(tmp_path, answer).run(name, *flags)
    assert done.returncode == 0, done.stderr


def test_a_refusal_is_no_sign_that_nothing_is_there(tmp_path: Path) -> None:
    """Who may not list a secret's versions adds none, though the refusal's text holds a 404: it would replace all."""
    refused = 'echo "PERMISSION_DENIED: not allowed on projects/740412345678/secrets, or not found" >&2; exit 1'
    project = Project(tmp_path, f'[[ $* != *"versions list"* ]] || {{ {refused}; }}')
    done = project.run("setup.sh", "--only", "secrets")
    assert done.returncode == 1
    assert not any("versions add" in asked for asked in project.asked)


def test_a_secret_that_is_added_again_is_whole(tmp_path: Path) -> None:
    """The second try sends as many random bytes as the first, and other ones."""
    keeps = 'if [[ $* == *"versions add"* ]]; then { cat; echo; } >>"$HOME/added"; '
    fails = '(($(wc -l <"$HOME/added") > 1)) || { echo UNAVAILABLE >&2; exit 1; }; fi'
    done = Project(tmp_path, keeps + fails).run("setup.sh", "--only", "secrets")
    assert done.returncode == 0, done.stderr
    first, second = (tmp_path / "added").read_text(encoding="utf-8").splitlines()
    assert len(first) == len(second) == 44
    assert first != second


def test_a_dataset_is_not_moved(tmp_path: Path) -> None:
    """Another location in the settings than that of the dataset is refused before anything is changed."""
    project = Project(tmp_path, """[[ $0 != */bq ]] || echo '{"location": "EU", "access": []}'""")
    done = project.run("setup.sh", "--only", "dataset")
    assert (done.returncode, "lies in EU" in done.stderr) == (1, True)
    assert not any("update" in asked for asked in project.asked)


def test_the_ledger_is_nobody_s_by_the_way(tmp_path: Path) -> None:
    """Editors, viewers and deleted accounts are taken out of the dataset's access, the project's owners stay."""
    groups = (
        '{"role": "READER", "specialGroup": "projectReaders"}',
        '{"role": "OWNER", "specialGroup": "projectOwners"}',
        '{"role": "WRITER", "userByEmail": "deleted:serviceAccount:cloudact-migrator@demo-project?uid=1"}',
    )
    answer = f"""[[ $0 != */bq ]] || echo '{{"location": "US", "access": [{", ".join(groups)}]}}'"""
    done = Project(tmp_path, answer).run("setup.sh", "--only", "dataset", "--dry-run")
    assert "projectOwners" in done.stdout
    assert "projectReaders" not in done.stdout
    assert "deleted:" not in done.stdout


INSTALLED = '{"location": "US", "access": [], "labels": {"cloudact_installation": "a1b2c3"}}'
HAS_TABLES = """'[{"id": "demo-project:organizations.org_profiles"}]'"""
TOLD_INSTALLATION = """'{"spec": {"template": {"spec": {"containers": [{"env": [
  {"name": "CLOUDACT_INSTALLATION", "value": "e5f6"}]}]}}}}'"""


@pytest.mark.parametrize(
    ("tables", "deployed", "identity"),
    [
        ("", "", "[0-9a-f]{12}"),
        (HAS_TABLES, "", "original"),
        (HAS_TABLES, TOLD_INSTALLATION, "e5f6"),
        ("", TOLD_INSTALLATION, "e5f6"),
    ],
)
def test_a_dataset_without_a_label_gets_one(tables: str, deployed: str, identity: str, tmp_path: Path) -> None:
    """That of what is deployed; else one in use keeps the names that it has, and an empty one is a new installation."""
    answer = f"""case "$0 $*" in
      *"/bq "*" show "*) echo '{{"location": "US", "access": []}}' ;; *"/bq "*" ls "*) echo {tables} ;;
      *" services describe "*) echo {deployed} ;; esac"""
    project = Project(tmp_path, answer)
    assert project.run("setup.sh", "--only", "dataset").returncode == 0
    labelled = [asked for asked in project.asked if "set_label" in asked]
    assert len(labelled) == 1
    assert re.search(rf"--set_label=cloudact_installation:{identity} ", labelled[0])


def test_a_label_is_kept(tmp_path: Path) -> None:
    """A dataset that has one is not given another."""
    project = Project(tmp_path, f"[[ $0 != */bq ]] || echo '{INSTALLED}'")
    assert project.run("setup.sh", "--only", "dataset").returncode == 0
    assert not any("label" in asked for asked in project.asked)


def test_a_new_dataset_is_a_new_installation(printed: list[list[str]], tmp_path: Path) -> None:
    """Its identity comes with it in one command, and is another one each time."""
    again = commands(Project(tmp_path).run("setup.sh", "--only", "dataset", "--dry-run").stdout)
    made = [one(each, "bq", "--project_id=demo-project", "mk") for each in (printed, again)]
    labels = [flag(command, "label") for command in made]
    assert all(re.fullmatch("cloudact_installation:[0-9a-f]{12}", label) for label in labels)
    assert labels[0] != labels[1]


def test_every_process_is_told_the_installation(changed: list[list[str]]) -> None:
    """Both functions and both jobs have the label of the dataset."""
    assert [environment(command)["CLOUDACT_INSTALLATION"] for command in changed] == ["a1b2c3"] * 4


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [(INSTALLED, "set_label=cloudact_installation:e5f6"), ('{"location": "US"}', "run infra/setup.sh")],
)
def test_another_installation_is_not_deployed(dataset: str, sentence: str, tmp_path: Path) -> None:
    """A dataset with another label than what is deployed, or with none, stops before anything is changed."""
    answer = f"""case "$0 $*" in */bq*) echo '{dataset}' ;; *" services describe "*) echo {TOLD_INSTALLATION} ;; esac"""
    project = Project(tmp_path, answer)
    done = project.run("deploy.sh", "--revision", "abc123", "--image", DIGEST)
    assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr
    assert [asked for asked in project.asked if not READING.match(asked)] == []


def test_teardown_wants_the_project_typed(tmp_path: Path) -> None:
    """Anything else than the project's id removes nothing."""
    project = Project(tmp_path)
    done = project.run("teardown.sh", "--datasets", said="yes\n")
    assert (done.returncode, "nothing was removed" in done.stderr) == (1, True)
    assert not (tmp_path / "asked").exists()


def test_teardown_leaves_data_unless_told(tmp_path: Path) -> None:
    """Without flags neither queues nor secrets nor datasets are even looked at; the key never is."""
    project = Project(tmp_path)
    assert project.run("teardown.sh", said="demo-project\n").returncode == 0
    assert not re.search(r"queues|secrets|bq|service-accounts|kms", "\n".join(project.asked))


def datasets(**installations: dict[str, str]) -> str:
    """What `bq ls` tells: names with their labels."""
    told = [{"datasetReference": {"datasetId": name}, "labels": labels} for name, labels in installations.items()]
    return f"""[[ "$0 $*" != *"/bq "*" ls "* ]] || echo '{json.dumps(told)}'"""


def org(installation: str = "") -> dict[str, str]:
    """The labels of an org's dataset; without an installation it is older than those."""
    return {"cloudact_org": "x"} | ({"cloudact_installation": installation} if installation else {})


@pytest.mark.parametrize(("identity", "gone"), [("a1b2c3", ["mine"]), ("original", ["first", "older"])])
def test_teardown_takes_the_datasets_of_its_installation(identity: str, gone: list[str], tmp_path: Path) -> None:
    """Another one's are named and left, as are strangers'; the service's own goes last, for it tells whose they are."""
    own = {"cloudact_installation": identity}
    told = datasets(organizations=own, mine=org("a1b2c3"), first=org("original"), older=org(), strange={})
    project = Project(tmp_path, told)
    done = project.run("teardown.sh", "--datasets", said="demo-project\n")
    removed = [asked.rpartition(":")[2] for asked in project.asked if " rm " in asked]
    assert (done.returncode, removed) == (0, [*gone, "organizations"]), done.stderr
    left = " ".join(name for name in ("mine", "first", "older") if name not in gone)
    assert f"another installation's: {left}." in done.stderr + done.stdout


def test_teardown_stops_where_nobody_knows_whose_datasets_are(tmp_path: Path) -> None:
    """A service's dataset that has lost its label stops it before anything is removed."""
    project = Project(tmp_path, datasets(organizations={}, older=org()))
    done = project.run("teardown.sh", "--datasets", said="demo-project\n")
    assert (done.returncode, "run infra/setup.sh" in done.stderr) == (1, True), done.stderr
    assert [asked for asked in project.asked if not READING.match(asked)] == []
