"""A service that is away, busy or not ours, and text that would play tricks on a terminal."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

import pytest
from flask import Response

from cloudact.settings import ROOT
from tests.cli.conftest import Shell, Stub
from tests.conftest import NewOrgs
from tests.processes import started_program

Stubbed = Callable[[Sequence[Response]], tuple[Stub, Shell]]
BUSY = {"title": "Service Unavailable", "status": 503, "detail": "Please send the same request again."}
RUN_ID = "f3b6c1de-6b0f-5f43-9d0c-3a9a34c7f1a2"


def says(body: object, status: int = 200, **headers: str) -> Response:
    return Response(
        json.dumps(body, ensure_ascii=False), status, {"X-Request-ID": "r-1", **headers}, "application/json"
    )


def test_no_one_is_there(tmp_path: object) -> None:
    """An API that cannot be reached is exit code 4, after it was tried again for as long as told."""
    known = {"CLOUDACT_API_URL": "http://127.0.0.1:1", "CLOUDACT_ORG": "acme", "CLOUDACT_API_KEY": "acme_api_x"}
    done = Shell(known | {"XDG_CONFIG_HOME": str(tmp_path)})("quota", "--retry-for", "0.6")
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr.count("http://127.0.0.1:1 cannot be reached.") == 2


def test_a_busy_service_is_asked_again(stub: Stubbed) -> None:
    """After a 503 the same request is sent again, not before Retry-After has passed."""
    server, shell = stub([says(BUSY, 503, **{"Retry-After": "1"}), says({"keys": []})])
    began = time.monotonic()
    done = shell("keys", "show")
    assert (done.exit_code, time.monotonic() - began >= 1) == (0, True)
    assert server.asked == [("GET", "api/v1/organizations/acme/api-key")] * 2
    assert "Trying again in 1.0 s." in done.stderr


@pytest.mark.parametrize(
    "refusal",
    [
        says({"detail": "Come again.", "code": "look_ups_limited"}, 429, **{"Retry-After": "0"}),
        says({"detail": "Come again.", "code": "checks_limited"}, 429, **{"Retry-After": "0"}),
        says({"detail": "Come again.", "code": "a_later_code"}, 429, **{"Retry-After": "0"}),
        Response("Rate exceeded.", 429),  # Cloud Run, when all instances are taken
    ],
)
def test_too_much_at_the_moment_passes(stub: Stubbed, refusal: Response) -> None:
    """After a 429 that is not about the day the same request is sent again, also where it makes a key."""
    server, shell = stub([refusal, says({"keys": []})])
    assert (shell("keys", "show").exit_code, len(server.asked)) == (0, 2)
    server.answers = [refusal, says({}, 409)]
    assert (shell("keys", "rotate").exit_code, len(server.asked)) == (3, 4)


def test_too_much_for_longer_than_told(stub: Stubbed) -> None:
    """Whoever would have to wait for longer gets the refusal at once, and so does whoever has used up the day."""
    for body, wait_s in (("checks_limited", "3600"), ("quota_exceeded", "1")):
        server, shell = stub([says({"detail": "No more.", "code": body}, 429, **{"Retry-After": wait_s})])
        server.asked.clear()
        done = shell("quota")
        assert (done.exit_code, done.stderr) == (3, f"Error: No more. (HTTP 429, {body}, request r-1)\n")
        assert len(server.asked) == 1


def test_what_someone_must_mend_first(stub: Stubbed) -> None:
    """A dataset that cannot be read is no service that is busy: it is told at once, with exit code 4."""
    server, shell = stub([says({"detail": "Not readable.", "code": "dataset_unreadable"}, 503), says({"keys": []})])
    done = shell("quota")
    assert (done.exit_code, done.stderr, len(server.asked)) == (4, "Error: Not readable. (request r-1)\n", 1)


def test_a_service_that_stays_busy(stub: Stubbed) -> None:
    """Whoever would have to wait for longer than told is told at once: exit code 4, the sentence, the request's id."""
    _, shell = stub([says(BUSY, 503, **{"Retry-After": "3600"})])
    done = shell("quota")
    assert (done.exit_code, done.stderr) == (4, "Error: Please send the same request again. (request r-1)\n")


def test_a_key_is_not_asked_for_twice(stub: Stubbed) -> None:
    """After a 502 it is not known whether a key was made, so no second one is."""
    server, shell = stub([Response("<h1>Bad gateway</h1>", 502)])
    assert shell("keys", "rotate").exit_code == 4
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [Response("<html>hello</html>"), Response("[1]"), says({}, 302), says({}, 500)])
def test_something_else_answers(stub: Stubbed, answer: Response) -> None:
    """What is not the API's JSON, a redirect, and a 500 are exit code 4."""
    server, shell = stub([answer])
    assert shell("quota").exit_code == 4
    assert len(server.asked) == 1


EVIL = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066\x9b31m\r\nsecond line"


def test_text_cannot_move_the_cursor(stub: Stubbed) -> None:
    """Control characters and direction marks are left out of tables and errors; line breaks become spaces."""
    run = dict.fromkeys(("run_id", "pipeline", "date", "status", "rows_processed", "duration_seconds"), EVIL)
    _, shell = stub([says({"runs": [run | {"trigger_type": EVIL, "created_at": EVIL}], "next_cursor": EVIL})])
    printed = shell("runs").stdout
    assert not set(printed) & set("\x1b\x07\x9b\u202e\u2066\r")
    assert len(printed.splitlines()) == 3
    _, shell = stub([says({"detail": EVIL}, 409)])
    assert not set(shell("quota").stderr) & set("\x1b\x07\x9b\u202e\u2066\r")


def test_json_is_the_same_document(stub: Stubbed) -> None:
    """With --json the same text comes out, its numbers untouched, what a terminal would obey escaped."""
    text = '{"cost": 0.10000000000000000001, "big": 12345678901234567890, "text": "\u202e\x9b\U000e0001é"}'
    _, shell = stub([Response(text, 200)])
    printed = shell("quota", "--json").stdout
    assert printed == text.replace("\u202e\x9b\U000e0001", "\\u202e\\u009b\\udb40\\udc01") + "\n"
    assert json.loads(printed) == json.loads(text)


def test_ctrl_c(stub: Stubbed) -> None:
    """Ctrl-C while waiting is exit code 130, and says that the run goes on."""
    run = {"run_id": RUN_ID, "pipeline_id": "acme-gcp-billing", "date": "2026-11-10", "status": "PENDING"}
    server, shell = stub([says(run)])
    command = [sys.executable, "-m", "cli", "show", RUN_ID, "--wait"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | shell.environment
    with started_program(command, env) as process:
        assert process.stdout
        assert "PENDING" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=10)
    assert (process.returncode, f"The run goes on: cloudact show {RUN_ID} --wait" in printed) == (130, True)
    assert "Traceback" not in printed
    assert server.asked


def test_no_secret_is_ever_printed(shell: Shell, new_org: NewOrgs) -> None:
    """Neither the key nor the token of ops appears in what any command prints, whether it works or not."""
    org = new_org()
    customer = shell.of(org)
    commands = (
        ("quota",), ("keys", "show"), ("runs", "--json"), ("pipelines",), ("show", RUN_ID), ("cancel", RUN_ID, "--yes"),
        ("quota", "--org", "another_org"), ("quota", "--api-url", "http://127.0.0.1:1", "--retry-for", "0"),
        ("orgs", "show", org.org_slug), ("orgs", "show", "nobody"), ("orgs", "onboard", org.org_slug, "--json"),
    )  # fmt: skip
    printed = "".join(customer(*command).output for command in commands)
    assert org.api_key not in printed
    assert shell.environment["CLOUDACT_OPS_TOKEN"] not in printed
    assert org.org_slug in printed
