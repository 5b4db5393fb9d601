"""The smoke test after a deployment, against the real function `api` as it is served."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cloudact.settings import ROOT
from infra.local.processes import Processes, free_port
from tests.conftest import Local

CHECKS = 6


def smoke(*urls: str, attempts: int = 1) -> subprocess.CompletedProcess[str]:
    """Runs the script without pauses, and with nothing of this machine's environment but where programs are."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "SMOKE_ATTEMPTS": str(attempts), "SMOKE_PAUSE_S": "0"}
    command = [str(ROOT / "infra" / "smoke.sh"), *urls]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def served(configuration: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The function `api` under functions-framework on a port of its own."""
    port = free_port()
    processes = Processes(folder)
    arguments = ["-m", "functions_framework", "--target", "api", "--source", "functions/main.py"]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | dict(configuration)
    try:
        processes.start("api", [*arguments, "--host", "127.0.0.1", "--port", str(port)], env)
        processes.wait_ready("api", f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop()


class Stranger(BaseHTTPRequestHandler):
    """What Cloud Run answers whoever may not call a private service."""

    tries = 0

    def do_GET(self) -> None:
        type(self).tries += 1
        self.send_response(503 if self.tries == 1 else 403)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Silence."""


@pytest.fixture
def private_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_a_healthy_deployment(local: Local, private_url: str, tmp_path: Path) -> None:
    """Every check holds, the second try counts as well, and nothing is left in the queue or the ledger."""
    before = local.query("SELECT COUNT(*) AS n FROM organizations.pipeline_run_events")
    with served(local.settings.to_env(), tmp_path) as url:
        done = smoke(url, private_url, attempts=2)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"smoke test: {CHECKS + 1} checks passed"
    assert local.query("SELECT COUNT(*) AS n FROM organizations.pipeline_run_events") == before


def test_cloud_tasks_cannot_be_reached(local: Local, tmp_path: Path) -> None:
    """The service runs but is not ready: one check fails, and says what is away. An open `ops` is told, too."""
    settings = local.settings.model_copy(update={"tasks_endpoint": "http://127.0.0.1:9"})
    with served(settings.to_env(), tmp_path) as url:
        done = smoke(url, url)
    assert done.returncode == 1
    not_ready, not_private, summary = done.stderr.splitlines()
    assert not_ready.startswith("FAILED  /health/ready answers 503, not 200: ")
    assert '"cloud_tasks":"unavailable"' in not_ready.replace(" ", "")
    assert not_private.startswith("FAILED  /health answers 200, not 403: ")
    assert summary == f"smoke test: 2 of {CHECKS + 1} checks failed"


def test_a_service_that_is_not_configured(tmp_path: Path) -> None:
    """Each check says what was answered instead."""
    with served({}, tmp_path) as url:
        done = smoke(url)
    assert done.returncode == 1
    assert "FAILED  /health answers 500, not 200: " in done.stderr
    assert "The service is not configured" in done.stderr


def test_nobody_listens() -> None:
    """A wrong address is told as such."""
    done = smoke(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert done.stderr.count("cannot be reached: curl: (7) ") == CHECKS


@pytest.mark.parametrize("arguments", [(), ("api.example.com",), ("http://a", "b"), ("http://a", "http://b", "c")])
def test_wrong_calls(arguments: tuple[str, ...]) -> None:
    """Exit code 2 and the usage."""
    done = smoke(*arguments)
    assert (done.returncode, done.stderr) == (2, "usage: infra/smoke.sh API_URL [OPS_URL]\n")


def test_shellcheck() -> None:
    """The script is clean."""
    subprocess.run([str(Path(sys.executable).parent / "shellcheck"), str(ROOT / "infra" / "smoke.sh")], check=True)
