"""The scripts of infra/ without gcloud: settings, help, what a dry run prints, and how they stop."""

import re
from pathlib import Path

import pytest

from cloudact.settings import PREFIX, Settings
from tests.infra.deployment import DIGEST, Project, commands, dry_run, environment, flag

SCRIPTS = ("setup", "deploy", "schedule", "monitoring", "teardown")
READING = re.compile(
    r"gcloud (alpha |beta )?[a-z -]*\b(list|describe|get-iam-policy|list-files-for-upload)\b|bq .* (show|ls) "
)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The commands of a first deployment."""
    return commands(dry_run(tmp_path_factory.mktemp("empty")))


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
        ({"JOB_PARALLELISM": "0"}, "JOB_PARALLELISM in"),
        ({"OPS_TIMEOUT_S": "3600"}, "Cloud Scheduler waits no longer"),
        ({"CORS_ORIGINS": "a|b"}, "CORS_ORIGINS holds a |"),
        ({"DAILY_SCHEDULE": "daily"}, "a schedule of five fields"),
        ({"PREFIX": "$(touch here)"}, "a beginning of names"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, str | None], sentence: str, tmp_path: Path) -> None:
    """One sentence names the setting; exit code 2, and gcloud was not called."""
    done = Project(tmp_path).run("setup.sh", changes=changes)
    assert done.returncode == 2
    assert re.search(sentence, done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name in ("asked", "here")] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_flag_that_nobody_knows(script: str, tmp_path: Path) -> None:
    """It is named; exit code 2."""
    done = Project(tmp_path).run(f"{script}.sh", "--everything")
    assert (done.returncode, "--everything" in done.stderr) == (2, True)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_dry_run_only_reads(script: str, tmp_path: Path) -> None:
    """gcloud and bq are asked what there is, and nothing else."""
    project = Project(tmp_path)
    flags = ("--revision", "abc123") if script == "deploy" else ()
    done = project.run(f"{script}.sh", "--dry-run", *flags)
    assert done.returncode == 0, done.stderr
    assert [asked for asked in project.asked if not READING.match(asked)] == []


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


def test_tables_come_before_functions(printed: list[list[str]]) -> None:
    """The migration runs between the deployment of its job and that of the first function."""
    steps = [" ".join(command[1:5]) for command in printed if command[1] == "run"]
    order = ["run jobs deploy migrate", "run jobs execute migrate", "run deploy ops --region=us-central1"]
    assert sorted(steps.index(step) for step in order) == [steps.index(step) for step in order]


def test_more_variables_reach_every_process(tmp_path: Path) -> None:
    """A CLOUDACT_* line of the settings is in all four environments."""
    flags = ("--dry-run", "--revision", "abc123", "--image", DIGEST)
    done = Project(tmp_path).run("deploy.sh", *flags, changes={"CLOUDACT_LATE_DAYS": "30"})
    deployed = [command for command in commands(done.stdout) if "deploy" in command]
    assert {environment(command)["CLOUDACT_LATE_DAYS"] for command in deployed} == {"30"}


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
