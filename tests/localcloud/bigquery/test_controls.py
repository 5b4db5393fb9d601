"""What tests can set: missing permissions, faults, and the counting of requests."""

from __future__ import annotations

from typing import Any, cast

import pytest
from google.api_core.exceptions import Forbidden, ServiceUnavailable
from google.cloud import bigquery

from tests.localcloud.bigquery.running import PROJECT, Api, client_of, rows, value


def test_jobs_create_can_be_denied(url: str, api: Api) -> None:
    """Without `bigquery.jobs.create` every job of the project is HTTP 403 `accessDenied`, in Google's words."""
    api.http.post("/local/deny", json={"project": "acme", "permission": "bigquery.jobs.create"})
    client, message = client_of(url, "acme"), "Access Denied: Project acme: User does not have bigquery.jobs.create"
    with pytest.raises(Forbidden, match=message) as refused:
        client.query("SELECT 1")
    assert refused.value.errors[0]["reason"] == "accessDenied"
    with pytest.raises(Forbidden, match=message):
        client.query_and_wait("SELECT 1")
    with pytest.raises(Forbidden, match=message):
        client.load_table_from_json([{"x": 1}], "acme.ds.t", job_config=bigquery.LoadJobConfig(autodetect=True))
    assert value(client_of(url), "SELECT 1") == 1


def test_a_table_can_be_denied(client: bigquery.Client, dataset: str, api: Api) -> None:
    """Without `bigquery.tables.getData` a table cannot be queried, not even through a view, nor listed."""
    for name in ("secret", "open"):
        rows(client, f"CREATE TABLE {dataset}.{name} AS SELECT 1 AS x")
    rows(client, f"CREATE VIEW {dataset}.v AS SELECT * FROM {dataset}.secret")
    denial = {"project": PROJECT, "permission": "bigquery.tables.getData", "table": f"{dataset}.secret"}
    api.http.post("/local/deny", json=denial)
    with pytest.raises(Forbidden, match="User does not have permission to query table"):
        rows(client, f"SELECT * FROM {dataset}.v")
    with pytest.raises(Forbidden):
        client.query(f"SELECT * FROM {dataset}.secret").result()
    with pytest.raises(Forbidden):
        list(client.list_rows(f"{PROJECT}.{dataset}.secret", selected_fields=[bigquery.SchemaField("x", "INT64")]))
    assert rows(client, f"SELECT x FROM {dataset}.open") == [(1,)]


def test_a_denial_can_be_for_one_principal(api: Api) -> None:
    """A denial with a principal is for requests with that bearer token only, until it is lifted."""
    denial = {"project": PROJECT, "permission": "bigquery.jobs.create", "principal": "mallory"}
    api.http.post("/local/deny", json=denial)

    def status(who: str) -> int:
        api.http.headers["Authorization"] = f"Bearer {who}"
        return api.query("SELECT 1").status_code

    assert (status("mallory"), status("alice")) == (403, 200)
    api.http.delete("/local/deny")
    assert status("mallory") == 200


def test_faults_are_used_up(client: bigquery.Client, api: Api) -> None:
    """A fault answers the next `times` requests with its status; the client retries a 503 and succeeds."""
    fault = {"method": "POST", "path_regex": "/queries$", "status": 503, "times": 2}
    api.http.post("/local/faults", json=fault)
    assert [api.query("SELECT 1").status_code for _ in range(3)] == [503, 503, 200]
    api.http.post("/local/faults", json=fault)
    assert value(client, "SELECT 1") == 1
    api.http.post("/local/faults", json={"path_regex": "/insertAll$", "status": 503})
    with pytest.raises(ServiceUnavailable):
        client.insert_rows_json(f"{PROJECT}.ds.t", [{"x": 1}], retry=cast(Any, None))


def test_requests_are_counted(client: bigquery.Client, dataset: str, api: Api) -> None:
    """Requests are counted by Google's method names, and not those to /local."""
    rows(client, f"CREATE TABLE {dataset}.t (x INT64)")
    api.http.delete("/local/requests")
    client.insert_rows_json(f"{PROJECT}.{dataset}.t", [{"x": 1}])
    rows(client, "SELECT 1")
    client.query("SELECT 1").result()
    counts = api.http.get("/local/requests").json()["requests"]
    assert (counts["tabledata.insertAll"], counts["jobs.query"], counts["jobs.insert"]) == (1, 1, 1)


def test_tables_can_be_copied(client: bigquery.Client, dataset: str, api: Api) -> None:
    """The tables of a dataset, in another one: empty, with columns and partitions; views stay where they are."""
    rows(client, f"CREATE TABLE {dataset}.t (d DATE NOT NULL, x INT64 OPTIONS (description='how many')) PARTITION BY d")
    rows(client, f"INSERT INTO {dataset}.t VALUES (DATE '2026-11-01', 1)")
    rows(client, f"CREATE VIEW {dataset}.v AS SELECT x FROM {dataset}.t")
    client.create_dataset(f"{PROJECT}.{dataset}_copy")
    body = {"project": PROJECT, "source": dataset, "target": f"{dataset}_copy"}
    assert api.http.post("/local/datasets/copies", json=body).json() == {"tables": ["t"]}
    made, copied = client.get_table(f"{dataset}.t"), client.get_table(f"{dataset}_copy.t")
    assert (copied.schema, copied.time_partitioning) == (made.schema, made.time_partitioning)
    assert (made.num_rows, copied.num_rows) == (1, 0)
    rows(client, f"INSERT INTO {dataset}_copy.t VALUES (DATE '2026-11-01', 2)")
    assert [value(client, f"SELECT x FROM {name}.t") for name in (dataset, f"{dataset}_copy")] == [1, 2]
