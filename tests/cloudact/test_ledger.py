"""The ledger's events: what becomes of a column that BigQuery does not know yet."""

import logging

import pytest

from cloudact.runs.ledger import Ledger, RunEvent
from cloudact.runs.run import Status
from cloudact.warehouse.bigquery import Warehouse, open_warehouse
from cloudact.warehouse.queries import SQL_DIR
from tests.conftest import NOON, Local, NewOrgs, billing_run

EVENTS = (SQL_DIR.parent / "organizations" / "003_events.sql").read_text(encoding="utf-8")


@pytest.fixture
def before_the_migration(local: Local) -> Warehouse:
    """A service dataset whose events have no version of a pipeline."""
    name = f"early{next(local.numbers)}"
    warehouse = open_warehouse(local.settings.model_copy(update={"dataset": name}))
    warehouse.create_dataset(name, {})
    warehouse.script(EVENTS)
    return warehouse


def test_a_job_may_run_before_its_migration(
    before_the_migration: Warehouse, local: Local, new_org: NewOrgs, caplog: pytest.LogCaptureFixture
) -> None:
    """The event is told without the version, once, and the log says so."""
    event = RunEvent(Status.RUNNING, started_at=NOON, attempt=0, pipeline_version="1.0")
    with caplog.at_level(logging.WARNING):
        Ledger(before_the_migration).append_run(billing_run(new_org()), event, NOON)
    rows = local.query(f"SELECT status, attempt FROM {before_the_migration.dataset}.pipeline_run_events")
    assert rows == [{"status": "RUNNING", "attempt": 0}]
    assert "a column is not known yet" in caplog.messages


def test_no_other_column_is_left_out(before_the_migration: Warehouse) -> None:
    """A column that the table lacks and nobody has named as late is a mistake of ours."""
    with pytest.raises(ValueError, match="no such field: mood"):
        before_the_migration.append("pipeline_run_events", [{"mood": "good"}], ["1"], {"pipeline_version"})
