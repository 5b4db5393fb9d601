"""The service's SQL: every file passes Google's analyzer, is bounded, and takes exactly what it declares."""

import re
from pathlib import Path

import pytest

from cloudact.warehouse.queries import SQL_DIR, in_dataset, load_query
from tests.googlesql import gate

QUERIES = sorted(path.stem for path in SQL_DIR.glob("*.sql"))
OF_THE_SERVICE = ("applied_migrations", "record_migrations", "installation", "record_installation")
OF_ALL_ORGS = ("sweep", "daily_plan", "generations", "orgs_behind", *OF_THE_SERVICE)
WRITING = ("record_migrations", "record_installation")
PARTITIONED = ("pipeline_run_events", "org_meta_pipeline_runs", "pipeline_step_logs", "pipeline_step_events")


@pytest.mark.parametrize("name", QUERIES)
def test_google_accepts_every_query(name: str) -> None:
    """Google's own analyzer accepts the query over the tables and views that ship."""
    query = load_query(name)
    assert bool(gate().analyze(query.sql, query.types)) is (name not in WRITING)


@pytest.mark.parametrize("name", QUERIES)
def test_queries_bound_the_partitions_they_read(name: str) -> None:
    """A query that reads events says which days' partitions it means."""
    sql = load_query(name).sql
    if any(f"organizations.{table}" in sql for table in PARTITIONED):
        reads = sum(sql.count(f"organizations.{table}") for table in PARTITIONED)
        assert sql.count("requested_date = @") + sql.count("requested_date BETWEEN @") == reads


@pytest.mark.parametrize("name", [name for name in QUERIES if name not in OF_ALL_ORGS])
def test_queries_of_an_org_name_the_org(name: str) -> None:
    """Every table but those of callers is read for one org only; but for what the service does for all of its orgs."""
    sql = load_query(name).sql
    callers = re.findall(r"FROM organizations\.org_(?:api_keys_secure|memberships)\b", sql)
    reads = len(re.findall(r"^ *FROM ", sql, re.MULTILINE)) - len(callers)
    assert sql.count("org_slug = @org_slug") == reads


def test_parameters_are_those_declared() -> None:
    """A missing or surplus parameter is an error of ours before anything is sent."""
    query = load_query("api_key")
    with pytest.raises(TypeError, match=r"api_key\.sql declares \['key_hash'\], was given \['hash'\]"):
        query.bind({"hash": "x"})


def test_another_dataset_name() -> None:
    """A deployment whose dataset has another name reads from that one only."""
    sql = load_query("run_status", "finops_state").sql
    assert "finops_state.org_meta_pipeline_runs" in sql
    assert "organizations." not in sql


@pytest.mark.parametrize("path", sorted(Path("sql/organizations").glob("*.sql")), ids=lambda path: path.stem)
def test_ddl_moves_to_another_dataset_too(path: Path) -> None:
    """Tables and views can be made in a dataset of another name."""
    assert "organizations." not in in_dataset(path.read_text(encoding="utf-8"), "finops_state").replace(
        "`organizations`", ""
    )
