"""The command line: `python -m localcloud.google_apis`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import run_v2

from tests.localcloud.google_apis.conftest import LOCATION, client, wait_until

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "localcloud.google_apis", "--port", "0", "--state-dir", str(tmp_path / "state")]
    command += ["--job-command", "*=sh -c 'echo $$; exec sleep 60'", "--stop-grace", "1"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_a_clean_stop_ends_its_job_processes(process: subprocess.Popen[str], tmp_path: Path) -> None:
    """It says when it is ready; SIGTERM ends it with status 0, and no job process is left behind."""
    assert process.stdout
    ready = process.stdout.readline()
    assert ready.startswith("ready: ")
    jobs = client(run_v2.JobsClient, ready.split()[-1])
    job = run_v2.Job(template={"template": {"containers": [{"image": "runner"}]}})
    jobs.create_job(parent=LOCATION, job=job, job_id="runner").result(timeout=5)
    execution = jobs.run_job(name=f"{LOCATION}/jobs/runner").metadata.name.rpartition("/")[2]
    log = tmp_path / "state" / "logs" / execution / "0-0.log"
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)


def test_a_malformed_job_command_is_explained() -> None:
    """--job-command needs IMAGE=ARGV."""
    command = [sys.executable, "-m", "localcloud.google_apis", "--state-dir", "unused", "--job-command", "python"]
    refused = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert "expected IMAGE=ARGV" in refused.stderr
