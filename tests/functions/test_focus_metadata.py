"""GET /focus/{org}/metadata: the FOCUS metadata of an org, from its history of days and never from its charges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from cloudact import clients
from cloudact.warehouse.queries import load_query
from cloudact.warehouse.scripts import Scope, load_scripts
from localcloud.onboarding import NewOrg, OnboardedOrg
from localcloud.onboarding import onboard as onboard_org
from tests.conftest import NOON, Local, NewOrgs
from tests.day_histories import Found, after, fill_with_metadata, in_turn, load_histories, settled
from tests.functions.operators import Operator, problem
from tests.googlesql import gate
from tests.infra.org_views import inlined
from tests.lineage import sources

TODAY = NOON.date()
DAY = TODAY - timedelta(days=3)
SOURCE = {"source_project": "p-p-p-p", "source_dataset": "d", "source_table": "gcp_billing_export_v1_X"}


@pytest.fixture(scope="module")
def org(session_cloud: Local) -> OnboardedOrg:
    """An org with two providers: ten days of OpenAI, the last one settling, and one of Google that never changed."""
    slug = f"metadata_{next(session_cloud.numbers)}"
    made = onboard_org(session_cloud.settings, NewOrg(slug, SOURCE), fill_with_metadata)
    first = DAY - timedelta(days=9)
    openai = in_turn(settled(first, DAY - timedelta(days=1)), [Found(DAY, after(DAY, 6), "settling", changed=True)])
    google = [Found(DAY, after(DAY, 7), "final", pipeline="gcp_billing", provider="gcp")]
    load_histories(session_cloud, slug, {slug: [*openai, *google]})
    return made


def asked(api: FlaskClient, org: OnboardedOrg, query: str = "", **headers: str) -> Any:
    path = f"/api/v1/focus/{org.org_slug}/metadata{query}"
    return api.get(path, headers={"X-API-Key": org.api_key, **headers})


def test_what_is_told(api: FlaskClient, org: OnboardedOrg) -> None:
    """An instance for each provider and for the billing periods, each with its schema; a time sector for each day."""
    told = asked(api, org).get_json()
    assert told["DataGenerator"] == {"DataGenerator": "CloudAct Pipelines"}
    assert [(each["DatasetInstanceName"], each["FocusDatasetId"]) for each in told["DatasetInstance"]] == [
        ("Google Cloud: costs and usage by UTC day", "CostAndUsage"),
        ("OpenAI: costs and usage by UTC day", "CostAndUsage"),
        ("Billing periods of all providers", "BillingPeriod"),
    ]
    ids = [each["DatasetInstanceId"] for each in told["DatasetInstance"]]
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in ids)
    assert len(set(ids)) == 3
    assert [each["DatasetInstanceId"] for each in told["Schema"]] == ids
    assert [(each["DatasetInstanceId"], len(each["TimeSectors"])) for each in told["Recency"]] == [
        (ids[0], 1), (ids[1], 10),
    ]  # fmt: skip
    assert told["x_DeliveryHandling"]["Mechanism"] == "Overwrite"
    assert told["x_CorrectionHandling"]["Style"] == "Replacement"


def instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_time_sectors(api: FlaskClient, org: OnboardedOrg) -> None:
    """A day is complete once it is settled, and was updated when it was last replaced, not when it was last read."""
    google, openai = asked(api, org).get_json()["Recency"]
    day = DAY - timedelta(days=1)
    assert openai["TimeSectors"][-2:] == [
        {
            "TimeSectorStart": instant(after(day, -24)),
            "TimeSectorEnd": instant(after(day, 0)),
            "TimeSectorComplete": True,
            "TimeSectorLastUpdated": instant(after(day, 6)),
        },
        {
            "TimeSectorStart": instant(after(DAY, -24)),
            "TimeSectorEnd": instant(after(DAY, 0)),
            "TimeSectorComplete": False,
            "TimeSectorLastUpdated": instant(after(DAY, 6)),
        },
    ]
    assert openai["DatasetInstanceLastUpdated"] == instant(after(DAY, 6))
    assert openai["RecencyLastUpdated"] == instant(after(day, 174))
    (never_replaced,) = google["TimeSectors"]
    assert (never_replaced["TimeSectorComplete"], never_replaced["TimeSectorLastUpdated"]) == (
        True, instant(after(DAY, 7)),
    )  # fmt: skip


def test_a_range_of_days(api: FlaskClient, org: OnboardedOrg) -> None:
    """Sectors are of the days that were asked for; an instance without any has no recency then, but its schema."""
    told = asked(api, org, f"?start_date={DAY - timedelta(days=5)}&end_date={DAY - timedelta(days=4)}").get_json()
    (openai,) = told["Recency"]
    assert [each["TimeSectorStart"][:10] for each in openai["TimeSectors"]] == [
        str(DAY - timedelta(days=5)), str(DAY - timedelta(days=4)),
    ]  # fmt: skip
    assert openai["DatasetInstanceLastUpdated"] == instant(after(DAY, 6))
    assert len(told["Schema"]) == len(told["DatasetInstance"]) == 3


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?start_date=2026-11-02&end_date=2026-11-01", "fields_conflict"),
        ("?start_date=2027-11-02", "fields_conflict"),
        ("?start_date=2020-01-01", "field_invalid"),
        ("?start_date=1", "field_invalid"),
        ("?days=1", "field_unknown"),
    ],
)
def test_a_range_that_is_none(api: FlaskClient, org: OnboardedOrg, query: str, code: str) -> None:
    """It is refused with 400 before anything is read."""
    answer = asked(api, org, query)
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)


def test_the_schema_is_the_views_own(api: FlaskClient, org: OnboardedOrg) -> None:
    """The columns and types are those of both views, and the date is that of the record of the org's migration."""
    told, org_catalog = asked(api, org).get_json(), gate("org")
    views = {"CostAndUsage": "focus_costs", "BillingPeriod": "focus_billing_periods"}
    datasets = {each["DatasetInstanceId"]: each["FocusDatasetId"] for each in told["DatasetInstance"]}
    for schema in told["Schema"]:
        columns = org_catalog.columns(views[datasets[schema["DatasetInstanceId"]]])
        assert [(each["ColumnName"], each["DataType"]) for each in schema["ColumnDefinition"]] == [
            (column.name, column.type) for column in columns
        ]
        assert schema["FocusVersion"] == "1.4"
    costs = {each["ColumnName"]: each for each in told["Schema"][0]["ColumnDefinition"]}
    assert costs["BilledCost"] == {
        "ColumnName": "BilledCost", "DataType": "NUMERIC", "NumericPrecision": 38, "NumberScale": 9,
    }  # fmt: skip
    assert costs["ProviderName"] == {"ColumnName": "ProviderName", "DataType": "STRING", "Deprecated": True}
    assert costs["Tags"]["ProviderTagPrefixes"] == ["goog-", "system_label/"]
    assert len({each["SchemaId"] for each in told["Schema"]}) == 2


def records(local: Local, org: OnboardedOrg) -> list[datetime]:
    sql = (
        f"SELECT applied_at FROM organizations.schema_migrations WHERE dataset = '{org.org_slug}' "
        "AND script = 'views_focus_schema' ORDER BY applied_at"
    )
    return [row["applied_at"] for row in local.query(sql)]


def test_the_date_of_the_schema_is_recorded(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """It is when the dataset first got the text; applying it again, or losing the views, makes it no newer."""
    (at,) = records(local, org)
    created = asked(api, org).get_json()["Schema"][0]["CreationDate"]
    assert created == at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    local.query(
        "INSERT INTO organizations.schema_migrations (dataset, scope, script, checksum, applied_at, applied_by) "
        f"VALUES ('{org.org_slug}', 'org', 'views_focus_schema', 'lost', CURRENT_TIMESTAMP(), 'operator')"
    )
    fill_with_metadata(local.warehouse, org.org_slug)
    assert len(records(local, org)) == 3
    assert asked(api, org).get_json()["Schema"][0]["CreationDate"] == created


def test_an_etag_saves_the_answer(api: FlaskClient, org: OnboardedOrg) -> None:
    """What has not changed is 304; it is private, and asked again each time."""
    first = asked(api, org)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = asked(api, org, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


READS = {"day_history", "schema_migrations"}


def test_no_charge_is_read(local: Local, org: OnboardedOrg) -> None:
    """The query and the views that it reads go down to the history of days and to the records of migrations alone, by
    Google's analyzer; and the bytes are those of these two tables, however many charges there are."""
    names = re.findall(r"\b(?:FROM|JOIN)\s+([\w.]+)", load_query("focus_metadata").sql)
    read = set(names) - {"UNNEST"}
    views = {script.makes[0].rpartition(".")[2]: script for script in load_scripts(Scope.ORG) if not script.version}
    while inner := [name for name in read if name in views]:
        text = views[inner[0]].text
        read = (read - {inner[0]}) | set(re.findall(r"\b(?:FROM|JOIN) org_dataset\.(\w+)", text))
    assert {name.rpartition(".")[2] for name in read} == READS
    before = processed(local, org)
    rows = [
        {"usage_date": str(DAY), "amount": "1.25", "currency": "USD", "raw": "{}", "org_slug": org.org_slug,
         "run_id": "r", "ingested_at": "2026-11-11T00:00:00Z"}
    ] * 200  # fmt: skip
    client = clients.bigquery(local.settings)
    assert client.insert_rows_json(client.get_table(f"{org.org_slug}.openai_cost_daily_raw"), rows) == []
    assert processed(local, org) == before > 0


def processed(local: Local, org: OnboardedOrg) -> int:
    """Bytes that the query reads."""
    warehouse = local.warehouse
    asked = warehouse._asked(
        load_query("focus_metadata"), {"org_slug": org.org_slug, "first_day": DAY, "last_day": TODAY}, org.org_slug
    )
    body = {**asked, "dryRun": True}
    url = f"{local.settings.bigquery_endpoint}/bigquery/v2/projects/{local.settings.project}/queries"
    return int(requests.post(url, json=body, timeout=30).json()["totalBytesProcessed"])


def test_a_bound_prunes_the_days() -> None:
    """A bound on `x_UsageDate` is one on the partitions of the history, by Google's analyzer."""
    assert sources(gate("org"), inlined("focus_metadata"), "x_UsageDate") == {"day_history.usage_date"}


def test_who_may_look(api: FlaskClient, org: OnboardedOrg, new_org: NewOrgs) -> None:
    """A key of another org, and nobody's, are refused as everywhere."""
    other = new_org()
    path = f"/api/v1/focus/{org.org_slug}/metadata"
    assert problem(api.get(path, headers={"X-API-Key": other.api_key}))[0] == 403
    assert problem(api.get(path))[0] == 401


def test_rows_of_another_org_are_not_told(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """The query is bound to the org's own rows, whatever else the dataset should hold."""
    before = asked(api, org).get_json()
    stray = [Found(DAY, after(DAY, 9), "final", changed=True, provider="anthropic", pipeline="anthropic_usage_cost")]
    load_histories(local, org.org_slug, {"somebody_else": stray})
    assert asked(api, org).get_json() == before


def test_a_suspended_org_may_look(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Suspended is who may start no runs; what was loaded stays readable."""
    ops = Operator(local)
    assert ops.call("POST", f"/{org.org_slug}/subscription", json={"status": "past_due"}).status_code == 200
    assert asked(api, org).status_code == 200


def test_a_dataset_that_has_not_let_us_in(api: FlaskClient, org: OnboardedOrg, local: Local) -> None:
    """Without the grant on the org's dataset the answer is 503 with a code of its own, and no internals."""
    denial = {
        "project": local.settings.project, "permission": "bigquery.tables.getData",
        "table": f"{org.org_slug}.day_history",
    }  # fmt: skip
    with denied(local, denial):
        answer = asked(api, org)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "dataset_unreadable")
    assert org.org_slug not in answer.get_json()["detail"]
    assert asked(api, org).status_code == 200


@contextmanager
def denied(local: Local, denial: dict[str, str]) -> Iterator[None]:
    url = f"{local.settings.bigquery_endpoint}/local/deny"
    requests.post(url, json=denial, timeout=5).raise_for_status()
    yield
    requests.delete(url, timeout=5).raise_for_status()


def test_a_dataset_without_the_views(api: FlaskClient, new_org: NewOrgs) -> None:
    """An org that the migration has not reached yet is told the same."""
    answer = asked(api, new_org())
    assert (answer.status_code, answer.get_json()["code"]) == (503, "dataset_unreadable")


def test_an_org_that_never_ran(api: FlaskClient, local: Local) -> None:
    """It has no instance yet, and so neither schema nor recency."""
    slug = f"metadata_{next(local.numbers)}"
    made = onboard_org(local.settings, NewOrg(slug, SOURCE), fill_with_metadata)
    told = asked(api, made).get_json()
    assert (told["DatasetInstance"], told["Schema"], told["Recency"]) == ([], [], [])
