"""The smoke test after a deployment, against the real functions as they are served."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cloudact.settings import ROOT
from localcloud.processes import free_port
from localcloud.stack import OPERATOR, Invoker
from localcloud.wire.listener import HttpAnswer, Listener
from tests.conftest import Local
from tests.functions.operators import operator_token
from tests.served import fronted, under_framework

CHECKS, OPS_CHECKS = 6, 3


def smoke(*arguments: str, attempts: int = 1, token: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the script without pauses, and with nothing of this machine's environment but where programs are."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "SMOKE_ATTEMPTS": str(attempts), "SMOKE_PAUSE_S": "0"}
    env |= {"CLOUDACT_OPS_TOKEN": token} if token else {}
    command = [str(ROOT / "infra" / "smoke.sh"), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("invoker", ["no-check", "iam"])
def test_a_healthy_deployment(invoker: Invoker, local: Local) -> None:
    """Every check holds, and nothing is left in the queue or the ledger."""
    before = local.query("SELECT COUNT(*) AS n FROM organizations.pipeline_run_events")
    with fronted(local, local.settings, invoker) as fronts:
        done = smoke(fronts.api_url, fronts.ops_url, invoker, token=operator_token(local, OPERATOR, fronts.ops_url))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"smoke test: {CHECKS + OPS_CHECKS} checks passed"
    assert local.query("SELECT COUNT(*) AS n FROM organizations.pipeline_run_events") == before


def test_an_ops_that_believes_in_a_check_that_is_off(local: Local) -> None:
    """It asks its own address, and lets no forger in; that the check is off, though it should be on, is told."""
    with fronted(local, local.settings, "no-check", believes=True) as fronts:
        token = operator_token(local, OPERATOR, fronts.ops_url)
        off, on = (smoke(fronts.api_url, fronts.ops_url, invoker, token=token) for invoker in ("no-check", "iam"))
    assert (off.returncode, off.stderr) == (0, "")
    assert on.returncode == 1
    assert on.stderr.startswith("FAILED  /ops/caller as a stranger answers 401, not 403: ")


@pytest.mark.parametrize("invoker", ["no-check", "iam"])
def test_an_ops_that_lets_anybody_in(invoker: Invoker) -> None:
    """The smoke test says so, of strangers and of forgers."""
    anybody = HttpAnswer(200, b'{"caller": "scheduler"}')
    listener = Listener(lambda _: anybody, port=0)
    listener.start()
    done = smoke(listener.url, listener.url, invoker, token="head.claims.signature")
    listener.stop()
    assert done.returncode == 1
    assert "FAILED  /ops/caller as a stranger answers 200, not 40" in done.stderr
    assert "FAILED  /ops/caller as a forger answers 200, not 401" in done.stderr


def test_an_ops_that_refuses_its_callers(local: Local) -> None:
    """What no stranger's call tells: Cloud Run removes signatures, and `ops` does not know."""
    with fronted(local, local.settings, "iam", believes=False) as fronts:
        done = smoke(fronts.api_url, fronts.ops_url, "iam", token=operator_token(local, OPERATOR, fronts.ops_url))
    assert done.returncode == 1
    refused, summary = done.stderr.splitlines()
    assert refused.startswith("FAILED  /ops/caller as an operator answers 401, not 200: ")
    assert summary == f"smoke test: 1 of {CHECKS + OPS_CHECKS} checks failed"


class Starting(BaseHTTPRequestHandler):
    """A new revision: it does not answer at once."""

    tries = 0

    def do_GET(self) -> None:
        type(self).tries += 1
        self.send_response(503 if self.tries == 1 else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Silence."""


def test_a_revision_that_starts() -> None:
    """Each check is tried as often as it is told, and the last answer counts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Starting)
    Thread(target=server.serve_forever, daemon=True).start()
    done = smoke(f"http://127.0.0.1:{server.server_address[1]}/", attempts=2)
    server.shutdown()
    server.server_close()
    assert (done.returncode, Starting.tries) == (1, 2 * CHECKS)
    assert "FAILED  /health answers 404, not 200: " in done.stderr


def test_cloud_tasks_cannot_be_reached(local: Local, tmp_path: Path) -> None:
    """The service runs but is not ready: one check fails, and says what is away."""
    settings = local.settings.model_copy(update={"tasks_endpoint": "http://127.0.0.1:9"})
    with under_framework("api", settings.to_env(), tmp_path) as url:
        done = smoke(url)
    assert done.returncode == 1
    not_ready, summary = done.stderr.splitlines()
    assert not_ready.startswith("FAILED  /health/ready answers 503, not 200: ")
    assert '"cloud_tasks":"unavailable"' in not_ready.replace(" ", "")
    assert summary == f"smoke test: 1 of {CHECKS} checks failed"


def test_a_service_that_is_not_configured(tmp_path: Path) -> None:
    """Each check says what was answered instead."""
    with under_framework("api", {}, tmp_path) as url:
        done = smoke(url)
    assert done.returncode == 1
    assert "FAILED  /health answers 500, not 200: " in done.stderr
    assert "The service is not configured" in done.stderr


def test_nobody_listens() -> None:
    """A wrong address is told as such."""
    done = smoke(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert done.stderr.count("cannot be reached: curl: (7) ") == CHECKS


@pytest.mark.parametrize(
    "arguments",
    [(), ("api.example.com",), ("http://a", "b"), ("http://a", "http://b", "c"), ("http://a", "http://b", "iam", "d")],
)
def test_wrong_calls(arguments: tuple[str, ...]) -> None:
    """Exit code 2 and the usage."""
    done = smoke(*arguments)
    assert (done.returncode, done.stderr) == (2, "usage: infra/smoke.sh API_URL [OPS_URL [no-check|iam]]\n")


def test_ops_is_not_asked_without_a_token() -> None:
    """Exit code 2: a smoke test that leaves out its best question must not pass."""
    done = smoke("http://a", "http://b")
    assert (done.returncode, "CLOUDACT_OPS_TOKEN must hold an operator's identity token" in done.stderr) == (2, True)


def test_shellcheck() -> None:
    """The script is clean."""
    subprocess.run([str(Path(sys.executable).parent / "shellcheck"), str(ROOT / "infra" / "smoke.sh")], check=True)
