"""A day that is larger than its container ends with a code of its own, where possible before its rows are fetched."""

from decimal import Decimal
from pathlib import Path

import pytest

from cloudact.error_codes import Code
from cloudact.errors import Stop
from jobs.file_room import FileRoom
from localcloud.onboarding import OnboardedOrg
from providers.gcp.result_size import LARGEST_ROW, PACKED, refuse_too_large
from tests.conftest import Local, NewOrgs, billing_run, load_fixture_export
from tests.fault_proxy import Doorman
from tests.jobs.conftest import RunJob, detail, table
from tests.jobs.test_usage_cost_run import llm_run, messages_of_steps, processor_of, rows_of, step_of
from tests.providers.vendor import Vendor, fixture_pages


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    org = new_org()
    load_fixture_export(local, org)
    return org


def pages_asked(doorman: Doorman, org: OnboardedOrg) -> int:
    """Requests for the rows of finished queries in the customer's project, less the one for their number."""
    asked = f"GET /bigquery/v2/projects/{org.credentials['GCP_SA']['project_id']}/queries/"
    return sum(line.startswith(asked) for line in doorman.seen) - 1


def test_a_day_is_refused_before_its_rows_are_fetched(
    local: Local, org: OnboardedOrg, run_job: RunJob, doorman: Doorman
) -> None:
    """The size of the result is known when the query is done; no row of it is asked for, and the day stays."""
    run_job(billing_run(org))
    before = table(local, org)
    run = billing_run(org, generation=2)
    assert run_job(run, bigquery_endpoint=doorman.url, day_file_mib=Decimal("0.0001")) == 0
    told = detail(local, run)
    assert (told["status"], told["error_code"], told["error_retryable"]) == ("FAILED", "day_too_large", False)
    assert "has room for 0.0." in told["error_message"]
    assert "standard export" in told["error_hint"]
    assert [(step["step_name"], step["status"]) for step in told["steps"]][-1] == ("transform", "FAILED")
    assert (pages_asked(doorman, org), table(local, org)) == (0, before)


def test_a_larger_job_loads_the_day(local: Local, org: OnboardedOrg, run_job: RunJob) -> None:
    """What a small job refuses, one of more memory loads, with no other setting."""
    run_job(billing_run(org), job_memory_gib=Decimal("0.00001"))
    assert detail(local, billing_run(org))["error_code"] == "day_too_large"
    run = billing_run(org, generation=2)
    run_job(run, job_memory_gib=Decimal(2))
    assert detail(local, run)["status"] == "SUCCESS"
    assert table(local, org)


def test_a_file_that_grows_too_large(local: Local, org: OnboardedOrg, run_job: RunJob, doorman: Doorman) -> None:
    """Where the rows pack worse than expected the run ends so while it writes them, and loads nothing."""
    run_job(billing_run(org), bigquery_endpoint=doorman.url, day_file_mib=Decimal("0.01"))
    told = detail(local, billing_run(org))
    assert (told["status"], told["error_code"]) == ("FAILED", "day_too_large")
    assert told["steps"][-1]["step_name"] == "load"
    assert (pages_asked(doorman, org), table(local, org)) == (1, [])


def test_only_large_results_are_asked_about() -> None:
    """A result that fits however wide its rows are costs no request; one of unknown size is tried."""
    refuse_too_large(1000, 1000 * LARGEST_ROW, lambda: pytest.fail("asked"))
    refuse_too_large(1001, 1000 * LARGEST_ROW, lambda: None)
    refuse_too_large(1001, 1000 * LARGEST_ROW, lambda: 1000 * LARGEST_ROW * PACKED)
    with pytest.raises(Stop) as stop:
        refuse_too_large(1001, 1000 * LARGEST_ROW, lambda: (1000 * LARGEST_ROW + 1) * PACKED)
    assert stop.value.code is Code.DAY_TOO_LARGE


def test_files_share_the_room(tmp_path: Path) -> None:
    """All files of a reading together may take so much; one that is written anew or deleted counts no more."""
    room, (first, second) = FileRoom(100), (tmp_path / "a", tmp_path / "b")
    found = []
    for path, size in ((first, 90), (first, 50), (second, 50), (second, 51)):
        path.write_bytes(b"x" * size)
        room.grew(path)
        found.append(room.too_large is not None)
    room.is_gone(second)
    assert (found, room.too_large) == ([False, False, False, True], None)


@pytest.mark.parametrize("missing", ["a byte of both", "a byte of the costs"])
def test_reports_that_are_too_large(local: Local, new_org: NewOrgs, missing: str) -> None:
    """Costs that do not fit end the run; usage that does not fit beside them is left as it was, with a warning."""
    org = new_org()
    pages = {
        "costs": fixture_pages("openai_costs_page1"),
        "usage/completions": fixture_pages("openai_usage_completions"),
    }
    measured = processor_of(local, llm_run(org, "openai"), Vendor(pages).openai_source())
    measured.run(*step_of(local, llm_run(org, "openai"), 0))
    assert measured.reading
    costs, usage = (
        measured.reading.files[f"openai_{kind}_daily_raw"].path.stat().st_size for kind in ("cost", "usage")
    )
    room = costs - 1 if missing == "a byte of the costs" else costs + usage - 1
    run = llm_run(org, "openai", generation=2)
    processor = processor_of(local, run, Vendor(pages).openai_source(), file_bytes=room)
    if missing == "a byte of the costs":
        with pytest.raises(Stop) as stop:
            processor.run(*step_of(local, run, 0))
        assert stop.value.code is Code.DAY_TOO_LARGE
        return
    for index in (0, 2):
        processor.run(*step_of(local, run, index))
    assert rows_of(local, org, "openai_cost_daily_raw")
    assert not rows_of(local, org, "openai_usage_daily_raw")
    warnings = [text for level, text in messages_of_steps(local, run) if level == "WARNING"]
    assert any(text.endswith("The table openai_usage_daily_raw was left as it is.") for text in warnings), warnings
