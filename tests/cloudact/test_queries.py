"""The service's SQL: every file passes Google's analyzer, is bounded, and takes exactly what it declares.

A query that is written for any of an org's tables is looked at once for each table that a source fills.
"""

import re
from pathlib import Path

import pytest

from cloudact.warehouse.queries import ORG_TABLE, SQL_DIR, Query, in_dataset, load_query
from tests.googlesql import gate
from tests.jobs.test_columns import TABLES

OF_ANY_TABLE = ("day_rows",)
QUERIES = [
    (path.stem, table)
    for path in sorted(SQL_DIR.glob("*.sql"))
    for table in ([each.name for each in TABLES] if path.stem in OF_ANY_TABLE else [None])
]
OF_THE_SERVICE = ("applied_migrations", "record_migrations", "installation", "record_installation")
OF_ALL_ORGS = ("sweep", "open_deliveries", "daily_plan", "generations", "orgs_behind", *OF_THE_SERVICE)
WRITING = (
    "record_migrations",
    "record_installation",
    "record_day",
    "record_names",
    "record_invoices",
    "record_labels",
    "record_member",
    "record_budgets",
    "record_balances",
    "carry_invoices",
    "copy_month",
    "close_month",
    "forget_invoices",
    "forget_labels",
    "forget_budgets",
    "forget_balances",
)
OF_NOBODY = ("focus_schema", "focus_billing_schema")  # views that read no table
PARTITIONED = ("pipeline_run_events", "org_meta_pipeline_runs", "pipeline_step_logs", "pipeline_step_events")


def loaded(name: str, table: str | None) -> Query:
    return load_query(name, org_table=table)


@pytest.mark.parametrize(("name", "table"), QUERIES)
def test_google_accepts_every_query(name: str, table: str | None) -> None:
    """Google's own analyzer accepts the query over the tables and views that ship."""
    query = loaded(name, table)
    assert bool(gate().analyze(query.sql, query.types)) is (name not in WRITING)


@pytest.mark.parametrize(("name", "table"), QUERIES)
def test_queries_bound_the_partitions_they_read(name: str, table: str | None) -> None:
    """A query that reads events, or rows of an org's table, says which days' partitions it means."""
    sql = loaded(name, table).sql
    reads = len(re.findall(r"FROM \w+_daily_raw\b", sql))
    assert sql.count("usage_date = @date") == reads
    if any(f"organizations.{table}" in sql for table in PARTITIONED):
        reads = sum(sql.count(f"organizations.{table}") for table in PARTITIONED)
        assert sql.count("requested_date = @") + sql.count("requested_date BETWEEN @") == reads
    assert sql.count("occurred_on BETWEEN @") == sql.count("organizations.org_events")
    assert sql.count("day BETWEEN @") >= sql.count("organizations.org_timeline")


@pytest.mark.parametrize(("name", "table"), [each for each in QUERIES if each[0] not in (*OF_ALL_ORGS, *WRITING)])
def test_queries_of_an_org_name_the_org(name: str, table: str | None) -> None:
    """Every table but those of callers is read for one org only; but for what the service does for all of its orgs."""
    sql = loaded(name, table).sql
    of_callers = r"FROM organizations\.org_(?:api_keys_secure|memberships)\b"
    callers = [] if name in ("org_members", "member_page") else re.findall(of_callers, sql)
    reads = len(re.findall(rf"^ *FROM (?!\(|(?:{'|'.join(OF_NOBODY)})\b)", sql, re.MULTILINE)) - len(callers)
    assert len(re.findall(r"\b(?:org_slug|x_OrgSlug|dataset) = @org_slug", sql)) == reads


def test_parameters_are_those_declared() -> None:
    """A missing or surplus parameter is an error of ours before anything is sent."""
    query = load_query("api_keys")
    with pytest.raises(TypeError, match=r"api_keys\.sql declares \['key_hashes'\], was given \['hash'\]"):
        query.bind({"hash": "x"})


@pytest.mark.parametrize(
    "name", ["t; DROP TABLE t", "other.t", "`t`", "T", "", "t\n", "t--", "1t", "tä", "t" * 101, "(SELECT 1)"]
)
def test_only_a_plain_name_takes_a_table_s_place(name: str) -> None:
    """What is no name of a table, such as another dataset's or a piece of SQL, never enters a query."""
    with pytest.raises(ValueError, match="is no name of an org's table"):
        load_query("day_rows", org_table=name)


def test_a_table_is_named_where_it_has_a_place() -> None:
    """A query for any table cannot run without a name, nor one for a certain table with another's."""
    assert {path.stem for path in SQL_DIR.glob("*.sql") if f"FROM {ORG_TABLE}\n" in path.read_text()} == {*OF_ANY_TABLE}
    with pytest.raises(TypeError, match=r"day_rows\.sql needs"):
        load_query("day_rows")
    with pytest.raises(TypeError, match=r"api_keys\.sql takes no"):
        load_query("api_keys", org_table="openai_cost_daily_raw")


def test_another_dataset_name() -> None:
    """A deployment whose dataset has another name reads from that one only."""
    sql = load_query("run_status", "finops_state").sql
    assert "`finops_state`.org_meta_pipeline_runs" in sql
    assert "organizations." not in sql


@pytest.mark.parametrize("path", sorted(Path("sql/organizations").glob("*.sql")), ids=lambda path: path.stem)
def test_ddl_moves_to_another_dataset_too(path: Path) -> None:
    """Tables and views can be made in a dataset of another name."""
    assert "organizations." not in in_dataset(path.read_text(encoding="utf-8"), "finops_state")
