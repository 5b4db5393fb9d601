"""GET /pipelines/{org}/runs and /runs/{id}: shapes, filters, pages, and what is refused."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact.error_codes import Code, stored_code
from cloudact.errors import Retry, Stop
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.run import Run, Status, TriggerType
from cloudact.runs.run_cost import Cost
from functions.auth.authenticate import SEVERAL_ORGS
from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run
from tests.sessions import bearer

COST = Cost(Decimal("17.8"), Decimal("35.6"), 20971520, Decimal("0.000356"), Decimal("0.000119"), date(2026, 11, 27))


def get(api: FlaskClient, org: OnboardedOrg, path: str = "", **query: Any) -> TestResponse:
    return api.get(
        f"/api/v1/pipelines/{org.org_slug}/runs{path}", headers={"X-API-Key": org.api_key}, query_string=query
    )


def ids(answer: TestResponse) -> list[str]:
    return [run["run_id"] for run in answer.get_json()["runs"]]


@pytest.fixture(scope="module")
def finished(shared_local: Local, orgs: NewOrgs) -> tuple[OnboardedOrg, Run]:
    """An org with one run that has ended well, told as a job tells it; no test changes it."""
    return with_a_finished_run(shared_local, orgs(accounts=()))


def with_a_finished_run(local: Local, org: OnboardedOrg) -> tuple[OnboardedOrg, Run]:
    run, started = billing_run(org), NOON + timedelta(seconds=5)
    local.ledger.append_run(run, RunEvent(Status.PENDING), NOON)
    local.ledger.append_run(
        run, RunEvent(Status.RUNNING, started_at=started, attempt=0, pipeline_version="1.0"), started
    )
    step: dict[str, Any] = {"index": 0, "name": "extract", "type": "bigquery_query", "attempt": 0}
    local.ledger.append_step(run, StepEvent(status=Status.RUNNING, key="1", **step), started)
    told = StepEvent(status=Status.RUNNING, key="2", level="INFO", text="Reading.", **step)
    local.ledger.append_step(run, told, started + timedelta(seconds=1))
    done = StepEvent(status=Status.SUCCESS, key="3", rows=7, **step)
    local.ledger.append_step(run, done, started + timedelta(milliseconds=1500))
    ended = RunEvent(Status.SUCCESS, started_at=started, attempt=0, rows=7, bytes_billed=10485760, cost=COST)
    local.ledger.append_run(run, ended, started + timedelta(seconds=2))
    return org, run


@pytest.fixture(scope="module")
def three_days(shared_local: Local, orgs: NewOrgs) -> tuple[OnboardedOrg, list[str]]:
    """An org with five runs requested on three days, which no test changes; their ids, newest first."""
    return with_three_days(shared_local, orgs(accounts=()))


def with_three_days(local: Local, org: OnboardedOrg) -> tuple[OnboardedOrg, list[str]]:
    runs = [
        billing_run(org, FIXTURE_DAY - timedelta(days=n), requested_at=NOON - timedelta(hours=12 * n)) for n in range(5)
    ]
    for run in runs:
        local.ledger.append_run(run, RunEvent(Status.PENDING), run.requested_at)
    return org, [run.run_id for run in runs]


def test_a_run_in_full(api: FlaskClient, finished: tuple[OnboardedOrg, Run]) -> None:
    """The detail has every field of the contract, the older names beside the newer, and its steps."""
    org, run = finished
    detail = get(api, org, f"/{run.run_id}").get_json()
    steps = detail.pop("steps")
    assert detail == {
        "run_id": run.run_id,
        "pipeline_logging_id": run.run_id,
        "org_slug": org.org_slug,
        "pipeline_id": f"{org.org_slug}-gcp-billing",
        "pipeline": "gcp_billing",
        "provider": "gcp",
        "domain": "cost",
        "status": "SUCCESS",
        "date": "2026-11-10",
        "requested_date": "2026-11-12",
        "generation": 1,
        "trigger_type": "api",
        "triggered_by": "api_key",
        "created_at": "2026-11-12T12:00:00.000Z",
        "started_at": "2026-11-12T12:00:05.000Z",
        "completed_at": "2026-11-12T12:00:07.000Z",
        "duration_seconds": 2.0,
        "rows_processed": 7,
        "bytes_billed": 10485760,
        "cost_estimate": {
            "currency": "USD",
            "total": "0.000475",
            "bigquery": "0.000119",
            "compute": "0.000356",
            "vcpu_seconds": "17.8",
            "memory_gib_seconds": "35.6",
            "bytes_billed": 20971520,
            "prices_of": "2026-11-27",
        },
        "error_message": None,
        "parameters": {"date": "2026-11-10", "force_refresh": False},
        "start_time": "2026-11-12T12:00:05.000Z",
        "end_time": "2026-11-12T12:00:07.000Z",
        "duration_ms": 2000,
        "half_loaded": None,
        "pipeline_version": "1.0",
        "error": None,
        "result": None,
    }
    assert steps == [
        {
            "step_logging_id": steps[0]["step_logging_id"],
            "step_index": 0,
            "step_name": "extract",
            "step_type": "bigquery_query",
            "status": "SUCCESS",
            "started_at": "2026-11-12T12:00:05.000Z",
            "completed_at": "2026-11-12T12:00:06.500Z",
            "duration_ms": 1500,
            "rows_processed": 7,
            "progress": None,
            "error_message": None,
            "messages": [{"at": "2026-11-12T12:00:06.000Z", "level": "INFO", "text": "Reading."}],
        }
    ]


def test_a_failed_run_says_why(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """FAILED comes with code, message, whether trying again helps, and a hint."""
    org = new_org()
    run = billing_run(org)
    error = Stop(Code.SOURCE_NOT_FOUND, "The table does not exist.", "Check the export.")
    local.ledger.append_run(run, RunEvent(Status.FAILED, started_at=NOON, error=error), NOON)
    detail = get(api, org, f"/{run.run_id}").get_json()
    assert (detail["status"], detail["error_message"], detail["steps"]) == ("FAILED", "The table does not exist.", [])
    assert detail["error"] == {
        "code": "source_not_found",
        "message": "The table does not exist.",
        "retryable": False,
        "hint": "Check the export.",
    }


def test_a_code_of_another_version_is_told(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """A stored code that this version does not know is shown as it was written."""
    org = new_org()
    run = billing_run(org)
    event = RunEvent(Status.FAILED, started_at=NOON, error=Retry(stored_code("of_long_ago"), "It failed."))
    local.ledger.append_run(run, event, NOON)
    error = get(api, org, f"/{run.run_id}").get_json()["error"]
    assert (error["code"], error["retryable"]) == ("of_long_ago", True)


def test_the_first_final_event_stands(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Whatever is appended after a final event, and PENDING appended late, changes nothing."""
    org, run = with_a_finished_run(local, new_org(accounts=()))
    before = get(api, org, f"/{run.run_id}").get_json()
    late = NOON + timedelta(minutes=1)
    local.ledger.append_run(run, RunEvent(Status.FAILED, key="late", error=Stop(stored_code("x"), "y")), late)
    local.ledger.append_run(run, RunEvent(Status.PENDING, key="late"), late)
    assert get(api, org, f"/{run.run_id}").get_json() == before


def test_a_final_run_has_an_etag(api: FlaskClient, finished: tuple[OnboardedOrg, Run]) -> None:
    """A final run is immutable: asked for again with its ETag it answers 304."""
    org, run = finished
    etag = get(api, org, f"/{run.run_id}").headers["ETag"]
    headers = {"X-API-Key": org.api_key, "If-None-Match": etag}
    again = api.get(f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}", headers=headers)
    assert (etag.startswith('"'), again.status_code, again.data) == (True, 304, b"")


def test_runs_of_others_do_not_exist(api: FlaskClient, new_org: NewOrgs, finished: tuple[OnboardedOrg, Run]) -> None:
    """Another org's run, an unknown one and a malformed id get the same 404."""
    _, run = finished
    for run_id in (run.run_id, "00000000-0000-0000-0000-000000000000", "x"):
        answer = get(api, new_org(), f"/{run_id}")
        assert (answer.status_code, answer.get_json()["detail"]) == (404, f"Run not found: {run_id}")


def test_newest_first(api: FlaskClient, three_days: tuple[OnboardedOrg, list[str]]) -> None:
    """A list is newest first, with the total and the page's own bounds."""
    org, runs = three_days
    answer = get(api, org)
    assert ids(answer) == runs
    assert {k: v for k, v in answer.get_json().items() if k != "runs"} == {
        "total": 5,
        "total_is": "exact",
        "limit": 20,
        "offset": 0,
        "next_cursor": None,
    }


def test_pages_by_offset(api: FlaskClient, three_days: tuple[OnboardedOrg, list[str]]) -> None:
    """Pages by offset are complete, do not overlap, and all tell the total."""
    org, runs = three_days
    pages = [get(api, org, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [run for page in pages for run in ids(page)] == runs
    assert [page.get_json()["total"] for page in pages] == [5, 5, 5, 5]


def test_pages_by_cursor(api: FlaskClient, three_days: tuple[OnboardedOrg, list[str]]) -> None:
    """Following next_cursor gives every run once, without a total."""
    org, runs = three_days
    answer = get(api, org, limit=2)
    seen = ids(answer)
    while cursor := answer.get_json()["next_cursor"]:
        answer = get(api, org, limit=2, cursor=cursor)
        assert "total" not in answer.get_json()
        seen += ids(answer)
    assert seen == runs


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"start_date": "2026-11-12"}, slice(0, 2)),
        ({"startDate": "2026-11-11", "endDate": "2026-11-11"}, slice(2, 4)),
        ({"date": "2026-11-08"}, slice(2, 3)),
        ({"status": "PENDING"}, slice(0, 5)),
        ({"status_filter": "COMPLETED"}, slice(0, 0)),
        ({"status": "pending"}, slice(0, 5)),
        ({"status_filter": "Pending"}, slice(0, 5)),
        ({"status": "complete"}, slice(0, 0)),
        ({"pipelineId": "gcp_billing"}, slice(0, 5)),
        ({"pipeline_id": "openai_usage_cost"}, slice(0, 0)),
        ({"trigger_type": "schedule"}, slice(0, 0)),
    ],
)
def test_filters(
    api: FlaskClient, three_days: tuple[OnboardedOrg, list[str]], query: dict[str, str], expected: slice
) -> None:
    """Each filter, under either of its names, narrows the list and its total."""
    org, runs = three_days
    answer = get(api, org, **query)
    assert (ids(answer), answer.get_json()["total"]) == (runs[expected], len(runs[expected]))


def test_the_org_s_own_pipeline_name_filters_too(api: FlaskClient, three_days: tuple[OnboardedOrg, list[str]]) -> None:
    """`acmecorp-gcp-billing` means the same as `gcp_billing`."""
    org, runs = three_days
    assert ids(get(api, org, pipeline_id=f"{org.org_slug}-gcp-billing")) == runs


def test_a_window_before_time(api: FlaskClient, three_days: tuple[OnboardedOrg, list[str]]) -> None:
    """Days long before the first run are an empty list, by offset and by cursor."""
    org, _ = three_days
    cursor = get(api, org, limit=1).get_json()["next_cursor"]
    assert ids(get(api, org, end_date="0001-01-01")) == []
    assert ids(get(api, org, end_date="0001-01-01", cursor=cursor)) == []


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        (
            {"status": "DONE"},
            "status must be one of PENDING, RUNNING, SUCCESS, FAILED, CANCELLED, COMPLETED, COMPLETE.",
        ),
        ({"limit": "0"}, "limit must be a whole number from 1 to 100."),
        ({"limit": "101"}, "limit must be a whole number from 1 to 100."),
        ({"offset": "-1"}, "offset must be a whole number from 0 to 10000000."),
        ({"start_date": "x"}, "start_date must be a date written YYYY-MM-DD."),
        ({"start_date": "2026-11-02", "end_date": "2026-11-01"}, "start_date must not be after end_date."),
        ({"cursor": "!!"}, "cursor must be the next_cursor of an earlier page."),
        ({"cursor": "MDAwMS0wMS0wMVQwMDowMDowMCswMDowMCB4"}, "cursor must be the next_cursor of an earlier page."),
        ({"limit": ["1", "2"]}, "limit is given more than once."),
        ({"pipeline_id": "a b"}, "pipeline_id must be 1 to 101 letters, digits, underscores or hyphens."),
        ({"cursor": "x", "offset": "1"}, "cursor and offset exclude each other; give one of them."),
        (
            {"status": "FAILED", "status_filter": "SUCCESS"},
            "status and status_filter are the same filter and differ; give one of them.",
        ),
        ({"total": "yes"}, "total must be true or false."),
        ({"trigger_type": "cron"}, "trigger_type must be one of api, user, schedule, backfill, retry, restatement."),
    ],
)
def test_bad_filters(api: FlaskClient, unchanged_org: OnboardedOrg, query: dict[str, str], detail: str) -> None:
    """A filter that cannot be understood is refused by name."""
    answer = get(api, unchanged_org, **query)
    assert (answer.status_code, answer.get_json()["detail"]) == (400, detail)
    assert answer.get_json().get("field") in (next(iter(query)), None)
    assert (answer.get_json()["code"] == "field_invalid") == ("field" in answer.get_json())


def test_a_misspelt_filter_is_refused(api: FlaskClient, unchanged_org: OnboardedOrg) -> None:
    """An unknown filter is not silently ignored: the list would look complete and be wrong."""
    answer = get(api, unchanged_org, stat="FAILED")
    assert answer.status_code == 400
    assert answer.get_json()["detail"].startswith("Unknown field 'stat'. Allowed: status, status_filter")


def test_scheduled_runs_do_not_count(local: Local, new_org: NewOrgs) -> None:
    """The quota view counts the runs people asked for, each once, and none of the service's own."""
    org = new_org()
    for trigger in (TriggerType.API, TriggerType.SCHEDULE):
        run = billing_run(org, date(2026, 11, 1 if trigger is TriggerType.API else 2), trigger_type=trigger)
        local.ledger.append_run(run, RunEvent(Status.PENDING), NOON)
        local.ledger.append_run(run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    sql = f"SELECT * FROM organizations.org_usage_quotas WHERE org_slug = '{org.org_slug}' AND pipelines_today > 0"
    counted = {"org_slug": org.org_slug, "usage_date": NOON.date(), "pipelines_today": 1, "daily_limit": 25}
    assert local.query(sql) == [counted]


SPANS = (None, *(timedelta(microseconds=us) for us in (0, 400, 999, 1_000, 1_234_567, 86_399_999_999)))


@pytest.mark.parametrize("view", ["org_meta_pipeline_runs", "pipeline_runs"])
def test_a_duration_is_the_same_in_the_views(api: FlaskClient, local: Local, new_org: NewOrgs, view: str) -> None:
    """Seconds from start to end, NULL for a run that has not begun or not ended: the views have what the API tells."""
    org = new_org()
    for day, span in enumerate(SPANS, 1):
        started = None if span is None else NOON
        begun, ended = RunEvent(Status.RUNNING, started_at=started), RunEvent(Status.CANCELLED, started_at=started)
        for month in (9, 10):  # those of September go on
            run = billing_run(org, date(2026, month, day))
            local.ledger.append_run(run, begun if started else RunEvent(Status.PENDING), NOON)
            if month == 10:
                local.ledger.append_run(run, ended, NOON + (span or timedelta(0)))
    sql = f"SELECT run_id, duration_seconds FROM organizations.{view} WHERE org_slug = '{org.org_slug}'"
    told = {run["run_id"]: run["duration_seconds"] for run in get(api, org, limit=100).get_json()["runs"]}
    assert {row["run_id"]: row["duration_seconds"] for row in local.query(sql)} == told
    ends = [seconds for seconds in told.values() if seconds is not None]
    assert (len(told), sorted(ends)) == (14, [0.0, 0.0, 0.0, 0.001, 1.234, 86399.999])


@pytest.mark.parametrize("sent", ["{etag}", "W/{etag}", '"x", {etag}', '"a,b" , W/{etag}', "*"])
def test_what_matches_an_etag(api: FlaskClient, finished: tuple[OnboardedOrg, Run], sent: str) -> None:
    """A list of tags, a weak one and `*` get 304, which carries the tag; any other tag gets the run."""
    org, run = finished
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{run.run_id}"
    etag = get(api, org, f"/{run.run_id}").headers["ETag"]
    again = api.get(path, headers={"X-API-Key": org.api_key, "If-None-Match": sent.format(etag=etag)})
    assert (again.status_code, again.headers["ETag"], again.data) == (304, etag, b"")
    assert api.get(path, headers={"X-API-Key": org.api_key, "If-None-Match": '"x", W/"y"'}).status_code == 200
    assert api.get(path, headers={"X-API-Key": "x", "If-None-Match": "*"}).status_code == 401


def test_a_run_that_goes_on_has_an_etag(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """It is 304 for as long as nothing happens, and another one afterwards; caches may not answer for us."""
    org, runs = with_three_days(local, new_org(accounts=()))
    path = f"/api/v1/pipelines/{org.org_slug}/runs/{runs[0]}"
    answer = get(api, org, f"/{runs[0]}")
    headers = {"X-API-Key": org.api_key, "If-None-Match": answer.headers["ETag"]}
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert api.get(path, headers=headers).status_code == 304
    started = local.runs.find(org.org_slug, runs[0], NOON.date())
    assert started
    local.ledger.append_run(started.run, RunEvent(Status.RUNNING, started_at=NOON), NOON)
    changed = api.get(path, headers=headers)
    assert (changed.status_code, changed.get_json()["status"]) == (200, "RUNNING")
    assert changed.headers["ETag"] != answer.headers["ETag"]


# The older paths


def older(api: FlaskClient, headers: dict[str, str], path: str = "", **query: Any) -> TestResponse:
    return api.get(f"/api/v1/pipelines/runs{path}", headers=headers, query_string=query)


def test_the_older_list(api: FlaskClient, local: Local, three_days: tuple[OnboardedOrg, list[str]]) -> None:
    """Without an org in the path it is the key's, or the only one of a person; shape and filters are the list's."""
    org, runs = three_days
    for headers in ({"X-API-Key": org.api_key}, bearer(local, org.user_id)):
        answer = older(api, headers, limit=2, pipelineId="gcp_billing")
        assert answer.get_json() == get(api, org, limit=2, pipelineId="gcp_billing").get_json()
        assert ids(answer) == runs[:2]


def test_the_older_detail(api: FlaskClient, local: Local, finished: tuple[OnboardedOrg, Run]) -> None:
    """The older shape has six fields, says COMPLETE for SUCCESS, and an ETag of its own."""
    org, run = finished
    for headers in ({"X-API-Key": org.api_key}, bearer(local, org.user_id)):
        answer = older(api, headers, f"/{run.run_id}")
        assert answer.get_json() == {
            "pipeline_logging_id": run.run_id,
            "pipeline_id": f"{org.org_slug}-gcp-billing",
            "status": "COMPLETE",
            "start_time": "2026-11-12T12:00:05.000Z",
            "end_time": "2026-11-12T12:00:07.000Z",
            "duration_ms": 2000,
        }
        unchanged = older(api, headers | {"If-None-Match": answer.headers["ETag"]}, f"/{run.run_id}")
        assert unchanged.status_code == 304


def test_a_person_of_several_orgs(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Where the org is open, the older paths say which path to use."""
    one, other = new_org(), new_org()
    add_member(local.settings, other.org_slug, one.user_id, "member")
    for path in ("", "/00000000-0000-5000-8000-000000000000"):
        answer = older(api, bearer(local, one.user_id), path)
        assert (answer.status_code, answer.get_json()["detail"]) == (400, SEVERAL_ORGS)


def test_the_words_runs_and_run_are_no_orgs(api: FlaskClient, new_org: NewOrgs) -> None:
    """Where an org's slug stands, `runs` and `run` are refused, so that no path can mean two things."""
    key = {"X-API-Key": new_org().api_key}
    assert api.get("/api/v1/pipelines/run/runs", headers=key).status_code == 400
    assert api.get("/api/v1/pipelines/runs/runs", headers=key).status_code in (400, 404)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"startDate": "2026-11-11", "endDate": "2026-11-11"}, slice(2, 4)),
        ({"pipelineId": "gcp_billing", "status_filter": "PENDING", "startDate": "2026-11-12"}, slice(0, 2)),
        ({"status": "PENDING", "status_filter": "PENDING"}, slice(0, 5)),
        ({"status": "COMPLETE"}, slice(0, 0)),
        ({"trigger_type": "api", "limit": "3", "offset": "1"}, slice(1, 4)),
    ],
)
def test_filters_together(
    api: FlaskClient, three_days: tuple[OnboardedOrg, list[str]], query: dict[str, str], expected: slice
) -> None:
    """Filters under their other names, and several at once."""
    org, runs = three_days
    assert ids(get(api, org, **query)) == runs[expected]
