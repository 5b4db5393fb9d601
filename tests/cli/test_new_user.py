"""What somebody types who has just begun, and what they are told."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Response

from cli.run_ids import PAGE, PAGES
from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell, Stub
from tests.cli.test_trouble import says
from tests.conftest import FIXTURE_DAY

Stubbed = Callable[[Sequence[Response]], tuple[Stub, Shell]]
DAY = FIXTURE_DAY.isoformat()
IDS = ("aaaa1111-6b0f-5f43-9d0c-3a9a34c7f1a2", "aaaa2222-6b0f-5f43-9d0c-3a9a34c7f1a2")
TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"}


def listed(*ids: str, cursor: str | None = None) -> dict[str, Any]:
    """A page of runs."""
    run = {
        "pipeline": "openai_usage_cost", "date": DAY, "status": "SUCCESS", "rows_processed": 2033,
        "duration_seconds": 125.5, "trigger_type": "api", "created_at": "2026-11-12T12:00:00+00:00",
    }  # fmt: skip
    return {"runs": [{"run_id": each, **run} for each in ids], "next_cursor": cursor}


def test_an_org_is_onboarded_twice(shell: Shell, org: OnboardedOrg) -> None:
    """Onboarding that shows no key names the command that makes one; with --json beside the document."""
    done = shell("orgs", "onboard", org.org_slug, "--json")
    assert (done.exit_code, "api_key" in json.loads(done.stdout)) == (0, False)
    assert f"cloudact orgs new-key {org.org_slug}\n" in done.stderr


@pytest.mark.parametrize(("key", "said"), [("null", "jq prints"), ("acme_api_cut", "is it whole?"), ("abc", "whole?")])
def test_a_key_that_is_none(shell: Shell, key: str, said: str) -> None:
    """A key that cannot be one is named as the cause, where it names no org and where the API refuses it."""
    alone = shell("quota", CLOUDACT_API_KEY=key)
    refused = shell("quota", "--org", "acme", CLOUDACT_API_KEY=key)
    assert [(done.exit_code, said in done.stderr) for done in (alone, refused)] == [(2, True), (3, True)]
    assert "cut" not in alone.stderr + refused.stderr


def test_a_whole_key_is_not_doubted(shell: Shell) -> None:
    """A key of the right form that the API refuses gets the API's sentence alone."""
    refused = shell("quota", CLOUDACT_API_KEY=f"acme_api_{'k' * 43}")
    assert (refused.exit_code, "form" in refused.stderr) == (3, False)


def test_the_orgs_of_the_config_file_are_named(stub: Stubbed, tmp_path: Any) -> None:
    """Where nobody said which org is meant, those that there are keys of are told."""
    _, shell = stub([says({})])
    path = tmp_path / "stack.json"
    path.touch(mode=0o600)
    orgs = [{"org_slug": slug, "api_key": "k"} for slug in ("acme", "globex")]
    path.write_text(json.dumps({"api_url": shell.environment["CLOUDACT_API_URL"], "orgs": orgs}))
    done = Shell({"CLOUDACT_CONFIG": str(path)})("quota")
    assert (done.exit_code, "keys of acme, globex." in done.stderr) == (2, True)


def test_nothing_is_said_in_words(customer: Shell) -> None:
    """An empty list is a sentence, without filters another one; with --json it is the API's document."""
    assert customer("runs").stdout.startswith("No runs yet.")
    assert customer("runs", "--status", "failed").stdout == "No runs match.\n"
    assert customer.json("runs")["runs"] == []


def test_statuses_in_lower_case(customer: Shell) -> None:
    """Statuses and triggers are found however they are written."""
    run_id = customer.json("run", "gcp_billing", "--date", DAY)["run_id"]
    for filters in (("--status", "pending"), ("--trigger", "API"), ("--pipeline", "gcp/cost/billing")):
        assert [run["run_id"] for run in customer.json("runs", *filters)["runs"]] == [run_id]


def test_a_path_names_a_pipeline_everywhere(customer: Shell) -> None:
    """`backfill` takes what `run` takes; a path that there is not is told with those that there are."""
    for name in ("openai/usage_cost", "openai//usage_cost", "openai_usage_cost"):
        told = customer.json("backfill", name, "--from", DAY, "--to", DAY, "--dry-run")
        assert told["run"] == [DAY]
    unknown = customer("backfill", "openai/nothing", "--from", DAY, "--to", DAY)
    assert (unknown.exit_code, "there are gcp/cost/billing, openai/usage_cost" in unknown.stderr) == (2, True)


def test_a_date_in_words(stub: Stubbed) -> None:
    """`--date yesterday` is sent as a date; what is no day is refused before anyone is asked."""
    server, shell = stub([says({"message": "started", "run_id": IDS[0]})])
    assert shell("run", "gcp/cost/billing", "--date", "tomorrow").exit_code == 2
    assert server.asked == []
    assert shell("run", "gcp/cost/billing", "--date", "yesterday").exit_code == 0
    assert server.asked == [("POST", "api/v1/pipelines/run/acme/gcp/cost/billing")]


def test_the_beginning_of_an_id(customer: Shell) -> None:
    """A few characters name a run for `show`, `cancel` and `retry`."""
    run_id = customer.json("run", "gcp_billing", "--date", DAY)["run_id"]
    assert customer.json("show", run_id[:6])["run_id"] == run_id
    assert customer.json("show", run_id[:4].upper())["run_id"] == run_id
    assert customer("cancel", run_id[:8], "--yes").exit_code == 0
    assert customer.json("retry", run_id[:13])["run_id"] != run_id
    none = customer("show", "00000000")
    assert (none.exit_code, "No run of" in none.stderr) == (2, True)


@pytest.mark.parametrize("text", ["abc", "xyz1", "../../x", "-abc"])
def test_what_cannot_be_an_id(shell: Shell, text: str) -> None:
    """Less than four characters, or others than ids have, are refused before anyone is asked."""
    done = shell("show", "--org", "acme", "--", text)
    assert (done.exit_code, "first 4 characters" in done.stderr) == (2, True)


def test_an_ambiguous_beginning_lists_its_runs(stub: Stubbed) -> None:
    """Two runs that begin so are listed, and nothing is done to either."""
    server, shell = stub([says(listed(*IDS))])
    done = shell("cancel", "aaaa", "--yes")
    assert (done.exit_code, [method for method, _ in server.asked]) == (2, ["GET"])
    assert all(f"\n  {run_id}  openai_usage_cost {DAY} SUCCESS" in done.stderr for run_id in IDS), done.stderr


def test_a_beginning_is_looked_for_within_bounds(stub: Stubbed) -> None:
    """Only so many of the newest runs are looked through; that it was no more is said."""
    server, shell = stub([says(listed(IDS[0], cursor="more"))])
    done = shell("show", "bbbb")
    assert (done.exit_code, len(server.asked), PAGE) == (2, PAGES, 100)
    assert [query["total"] for query in server.queries] == ["false"] * PAGES  # nothing is counted that nobody sees
    assert f"None of the newest {PAGES} runs of acme begins with bbbb" in done.stderr


def test_a_total_is_counted_for_whoever_gets_it(stub: Stubbed) -> None:
    """The table of `runs` shows no total, so none is asked for; the document has it."""
    server, shell = stub([says(listed(*IDS))])
    assert [shell("runs").exit_code, shell("runs", "--json").exit_code] == [0, 0]
    assert [query.get("total") for query in server.queries] == ["false", None]


def test_a_version_is_a_commit(shell: Shell) -> None:
    """`--version` names the commit."""
    done = shell("--version")
    assert (done.exit_code, done.stdout.startswith("cloudact, ")) == (0, True)


@pytest.mark.parametrize("columns", [40, 50, 60, 80])
def test_a_narrow_terminal(stub: Stubbed, columns: int) -> None:
    """No line of a list is longer than the terminal; status and the beginning of the id are always there."""
    _, shell = stub([says(listed(*IDS))])
    done = shell("runs", COLUMNS=str(columns), **TERMINAL)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert [line.count("aaaa1111") for line in lines if "aaaa1111" in line] == [1]
    assert (done.stdout.count("SUCCESS"), IDS[0] in done.stdout) == (2, False)
    assert ("TOOK" in lines[0], "took" in done.stdout) == (columns == 80, columns < 50), done.stdout


def test_a_program_gets_whole_ids(stub: Stubbed) -> None:
    """Without a terminal ids are whole, and all columns are there, whatever COLUMNS says."""
    _, shell = stub([says(listed(*IDS))])
    done = shell("runs", COLUMNS="40")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [*IDS]
    assert " 2 min 6 s " in done.stdout
