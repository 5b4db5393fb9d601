"""`--wait` and `logs`: the API waits for the next change, and nothing that a run says is missed or said twice."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Response, jsonify

from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.run import Run, Status
from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell, Stub
from tests.conftest import NOON, Local, billing_run

RUN_ID = "f3b6c1de-6b0f-5f43-9d0c-3a9a34c7f1a2"
WITHIN_S = 60.0
WAITED = {"Preference-Applied": "wait=25"}
Stubbed = Callable[..., tuple[Stub, Shell]]


def state(status: str, etag: str | None, *texts: str, waited: bool = False) -> Response:
    """An answer with a run whose only step has said this, a second after the other."""
    messages = [{"at": f"2026-11-12T12:00:0{n}.000Z", "level": "INFO", "text": text} for n, text in enumerate(texts)]
    step = {"step_name": "extract", "status": "RUNNING", "rows_processed": None, "progress": None, "messages": messages}
    run = {"run_id": RUN_ID, "pipeline_id": "acme-gcp-billing", "date": "2026-11-10", "status": status}
    facts = {"completed_at": "2026-11-12T12:00:09.000Z", "error": None, "cost_estimate": None, "steps": [step]}
    with_etag = {"ETag": f'"{etag}"'} if etag else {}
    return answer_of({**run, **facts}, {**with_etag, **(WAITED if waited else {})})


def answer_of(body: dict[str, object], headers: dict[str, str]) -> Response:
    from flask import Flask

    with Flask("stub").app_context():
        response = jsonify(body)
    response.headers.update(headers)
    return response


def unchanged(**headers: str) -> Response:
    return Response(status=304, headers={"ETag": '"a"', **headers})


def test_the_api_is_asked_to_wait(stub: Stubbed) -> None:
    """From the first state on each question names the state that is known, and the API answers when it likes."""
    answers = [state("RUNNING", "a"), unchanged(**WAITED), state("RUNNING", "b", waited=True), state("SUCCESS", "c")]
    server, shell = stub([state("RUNNING", "a"), *answers])  # `show` reads the run before it waits
    assert shell("show", RUN_ID, "--wait").exit_code == 0
    asked = [(each.get("If-None-Match"), each.get("Prefer")) for each in server.headers[1:]]
    assert asked == [(None, None), ('"a"', "wait=25"), ('"a"', "wait=25"), ('"b"', "wait=25")]


@pytest.mark.parametrize("busy", [unchanged(**{"Retry-After": "0"}), state("RUNNING", None)])
def test_an_api_that_does_not_wait(stub: Stubbed, busy: Response) -> None:
    """One without a free place says when to come again, and an older one has no ETag: both are polled."""
    server, shell = stub([state("PENDING", "a"), state("PENDING", "a"), busy, state("SUCCESS", "c")])
    assert shell("show", RUN_ID, "--wait").exit_code == 0
    assert len(server.asked) == 4


def test_a_log_is_asked_for_from_where_it_ends(stub: Stubbed) -> None:
    """Followed, only what is new is asked for; what a reading missed is found once the run has ended."""
    answers = [state("RUNNING", "a", "one"), state("RUNNING", "b", "one", "two", waited=True)]
    ends = [state("SUCCESS", "c", waited=True), state("SUCCESS", "c", "one", "two", "missed")]
    server, shell = stub([*answers, *ends])
    done = shell("logs", RUN_ID, "-f")
    assert done.exit_code == 0, done.output
    assert [line.rpartition(" ")[2] for line in done.stdout.splitlines()] == ["one", "two", "missed", "SUCCESS"]
    since = [each.get("since") for each in server.queries]
    assert since == [None, "2026-11-12T12:00:00.000Z", "2026-11-12T12:00:01.000Z", None]


@pytest.fixture
def run(local: Local, org: OnboardedOrg) -> Run:
    """A run that goes on, and has said something."""
    run = billing_run(org)
    local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    say(local, run, "Read 7 rows.", 1)
    return run


def say(local: Local, run: Run, text: str, at_s: float) -> None:
    step = StepEvent(1, "extract", "gcp.bq_etl", Status.RUNNING, 1, text, level="INFO", text=text)
    local.ledger.append_step(run, step, NOON + timedelta(seconds=at_s))


def test_a_log(customer: Shell, run: Run) -> None:
    """What was said so far, with its time; with --json the run's document."""
    assert customer("logs", run.run_id[:8]).stdout == "2026-11-12T12:00:01.000Z extract: Read 7 rows.\n"
    assert customer.json("logs", run.run_id)["steps"][0]["messages"][0]["text"] == "Read 7 rows."


def test_a_log_that_is_followed(customer: Shell, local: Local, run: Run) -> None:
    """What the run says while it is followed comes once, and the end ends it."""

    def go_on() -> None:
        say(local, run, "Loaded 7 rows.", 2)
        local.ledger.append_run(run, RunEvent(Status.SUCCESS, started_at=NOON, rows=7), NOON + timedelta(seconds=3))

    later = threading.Timer(1.0, go_on)
    later.start()
    done = customer("logs", run.run_id, "-f")
    later.join(WITHIN_S)
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            "2026-11-12T12:00:01.000Z extract: Read 7 rows.",
            "2026-11-12T12:00:02.000Z extract: Loaded 7 rows.",
            "2026-11-12T12:00:03.000Z SUCCESS",
        ],
    )
