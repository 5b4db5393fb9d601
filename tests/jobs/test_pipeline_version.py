"""Which version of the pipeline's file a run was worked with: its container tells, whatever becomes of the run."""

from pathlib import Path
from shutil import copytree

from cloudact.pipelines.registry import load_registry
from cloudact.runs.ledger import RunEvent
from cloudact.runs.run import Status
from providers import PROVIDERS
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.jobs.conftest import RunJob, detail


def test_the_job_tells_the_version_of_its_file(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Nothing is told before a container works on the run; then it is the version that its image has."""
    run = billing_run(new_org())
    local.ledger.append_run(run, RunEvent(Status.PENDING), NOON)
    before = detail(local, run)["pipeline_version"]
    run_job(run)
    registry = load_registry(local.settings.configs_dir, PROVIDERS)
    assert (before, detail(local, run)["pipeline_version"]) == (
        None,
        registry.config(registry.get("gcp_billing")).pipeline.version,
    )


def test_a_pipeline_that_has_left_the_registry(local: Local, new_org: NewOrgs, run_job: RunJob) -> None:
    """Its run fails for that, and has no version."""
    run = billing_run(new_org()).model_copy(update={"pipeline": "gone"})
    assert run_job(run, last=False) == 0
    told = detail(local, run)
    assert (told["status"], told["error_code"], told["pipeline_version"]) == ("FAILED", "pipeline_withdrawn", None)


def test_a_pipeline_that_was_disabled(local: Local, new_org: NewOrgs, run_job: RunJob, tmp_path: Path) -> None:
    """A run that was queued before ends at once with a code and a sentence: no other try could help."""
    copytree(local.settings.configs_dir, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "system" / "pipelines.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("enabled: true", "enabled: false", 1), encoding="utf-8")
    run = billing_run(new_org())
    assert run_job(run, last=False, configs_dir=tmp_path) == 0
    told = detail(local, run)
    assert (told["status"], told["error_code"], told["pipeline_version"]) == ("FAILED", "pipeline_withdrawn", None)
    assert told["error_message"].startswith("Pipeline gcp_billing is not enabled. Available: openai//usage_cost")
