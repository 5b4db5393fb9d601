"""Rows that leave the warehouse: each shape has the columns of its query, and what was appended comes back."""

import datetime as dt
from dataclasses import fields
from typing import Any

import pytest

from cloudact.notify.deliveries import StoredDelivery
from cloudact.notify.webhooks import WebhookColumns
from cloudact.orgs import integrations
from cloudact.orgs.org import ApiKey
from cloudact.runs import ledger, result
from cloudact.runs.ledger import RunEvent
from cloudact.runs.result import HalfLoad
from cloudact.runs.run import Run, Status, TriggerType
from cloudact.warehouse.queries import load_query
from functions.auth.stored_callers import MembershipRow
from functions.console import rows as console_rows
from functions.orgs import tenant, timeline_pages
from functions.runs import admission_facts, run_pages, run_rows
from functions.schedule import run_rows as schedule_rows
from functions.schedule.run_rows import BatchPlace, Owed, OwnFailure, PlannedDate
from tests.conftest import NOON, Local, NewOrgs, billing_run
from tests.functions.fleet import Fleet, new_fleet
from tests.googlesql import gate

SHAPES: dict[str, Any] = {
    "admission": vars(admission_facts)["_AdmissionRow"],
    "admission_of_key": vars(admission_facts)["_KeyRow"],
    "admission_of_member": vars(admission_facts)["_MemberRow"],
    "quota": vars(admission_facts)["_QuotaRow"],
    "api_keys": ApiKey,
    "api_key_uses": vars(tenant)["_KeyUse"],
    "tenant": vars(tenant)["_TenantRow"],
    "memberships": MembershipRow,
    "webhook": WebhookColumns,
    "timeline": timeline_pages.TimelineRow,
    "timeline_counts": timeline_pages.KindCount,
    "webhook_deliveries": StoredDelivery,
    "open_deliveries": StoredDelivery,
    "run_list": run_rows.ListedRun,
    "run_count": vars(run_pages)["_DayCount"],
    "run_count_filtered": vars(run_pages)["_DayCount"],
    "run_count_by_status": vars(run_pages)["_DayCount"],
    "run_status_counts": vars(run_pages)["_StatusCount"],
    "run_facets": console_rows.Facet,
    "pipeline_days": console_rows.PipelineDay,
    "overview": vars(console_rows)["_OverviewRow"],
    "run_detail": run_rows.DetailedRun,
    "run_steps": run_rows.StoredStep,
    "run_status": vars(ledger)["_Standing"],
    "generations": ledger.Generation,
    "earlier_generations": vars(result)["_EarlierRun"],
    "last_look": vars(result)["_LastScan"],
    "daily_plan": schedule_rows.PlanRow,
    "integrations": vars(integrations)["_Stored"],
    "job_context": vars(integrations)["_Context"],
}


@pytest.mark.parametrize("query", SHAPES)
def test_a_shape_has_the_columns_of_its_query(query: str) -> None:
    """Nothing is read for nobody, and nothing is missing."""
    loaded = load_query(query)
    columns = [column.name for column in gate().analyze(loaded.sql, loaded.types)]
    assert sorted(columns) == sorted(field.name for field in fields(SHAPES[query]))


@pytest.mark.parametrize("forced", [True, False])
def test_a_stored_run_is_the_run_that_was_asked_for(local: Local, new_org: NewOrgs, forced: bool) -> None:
    """Whoever cancels, retries or settles a run works on what was queued."""
    run = billing_run(new_org()).model_copy(update={"force_refresh": forced, "triggered_by": "user_1"})
    local.ledger.append_run(run, RunEvent(Status.PENDING), NOON)
    stored = local.runs.find(run.org_slug, run.run_id, NOON.date())
    assert stored
    assert (stored.run, stored.cost, stored.status) == (run, None, Status.PENDING)


@pytest.fixture
def fleet(local: Local) -> Fleet:
    fleet = new_fleet(local)
    fleet.add(["acme"])
    return fleet


def asked(trigger: TriggerType, at: dt.datetime, days_ago: int) -> Run:
    return Run(
        org_slug="acme", pipeline="gcp_billing", provider="gcp", domain="cost", name="billing", generation=3,
        date=NOON.date() - dt.timedelta(days=days_ago), trigger_type=trigger, triggered_by="me", requested_at=at,
    )  # fmt: skip


def test_dates_of_the_plan_come_back_as_they_were_told(fleet: Fleet) -> None:
    """What the query packs into text is unpacked into the same dates, places in batches among them."""
    yesterday, second = NOON - dt.timedelta(days=1), NOON + dt.timedelta(microseconds=1)
    loaded, failed = asked(TriggerType.SCHEDULE, yesterday, 3), asked(TriggerType.API, NOON, 2)
    batched = asked(TriggerType.RESTATEMENT, second, 1)
    fleet.ledger.append_runs(
        [
            (loaded, RunEvent(Status.SUCCESS, started_at=yesterday)),
            (failed, RunEvent(Status.FAILED, started_at=NOON)),
            (batched, RunEvent(Status.PENDING, batch_id="b-1", batch_index=7)),
        ],
        NOON,
    )
    (row,) = fleet.schedule.plan(NOON.date() - dt.timedelta(days=7), NOON.date())
    place = BatchPlace("b-1", 7, TriggerType.RESTATEMENT, second)
    assert row.dates == [
        PlannedDate(loaded.date, 3, Status.SUCCESS, yesterday.date(), yesterday.date()),
        PlannedDate(failed.date, 3, Status.FAILED, None, None),
        PlannedDate(batched.date, 3, Status.PENDING, None, NOON.date(), place=place),
    ]


def test_what_is_owed_comes_back_as_it_was_told(fleet: Fleet) -> None:
    """Since when, whether the day is half loaded, and the service's own newest run; nothing of a person's failure,
    nor of one that was loaded after."""
    then = NOON - dt.timedelta(days=2)
    own = [
        asked(TriggerType.RESTATEMENT, at, 20).model_copy(update={"generation": number})
        for number, at in ((9, then), (10, NOON))
    ]
    half, theirs, loaded = (asked(TriggerType.API, NOON, days) for days in (3, 4, 5))
    before = asked(TriggerType.SCHEDULE, then, 5).model_copy(update={"generation": 2})
    result = HalfLoad(replaced=("openai_usage_daily_raw",)).text
    fleet.ledger.append_runs([(run, RunEvent(Status.FAILED, started_at=then)) for run in (*own, theirs, before)], NOON)
    fleet.ledger.append_run(half, RunEvent(Status.FAILED, started_at=then, result=result), NOON)
    fleet.ledger.append_run(loaded, RunEvent(Status.SUCCESS, started_at=then), NOON)
    (row,) = fleet.schedule.plan(NOON.date() - dt.timedelta(days=7), NOON.date())
    assert {known.date: known.owed for known in row.dates} == {
        own[0].date: Owed(then.date(), last=OwnFailure(10, TriggerType.RESTATEMENT, NOON)),
        half.date: Owed(NOON.date(), half_loaded=True),
        theirs.date: None,
        loaded.date: None,
    }
