"""A job id is accepted once, and the job remembers what it was."""

from __future__ import annotations

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

import pytest
from google.api_core.exceptions import BadRequest, Conflict
from google.cloud import bigquery
from google.cloud.bigquery import LoadJobConfig, QueryJobConfig, ScalarQueryParameter

from tests.localcloud.bigquery.running import Api, client_of, rows, value


def test_a_query_job_id_is_accepted_once(client: bigquery.Client) -> None:
    """The second insertion of a job id is HTTP 409 `duplicate`, and the statement does not run again."""
    job_id = f"claim-{uuid4().hex}"
    client.query("SELECT 1", job_id=job_id, job_retry=None).result()
    with pytest.raises(Conflict) as refused:
        client.query("SELECT 2", job_id=job_id, job_retry=None)
    assert refused.value.errors[0]["reason"] == "duplicate"
    first = cast(bigquery.QueryJob, client.get_job(job_id))
    assert [tuple(row.values()) for row in first.result()] == [(1,)]


def test_of_twenty_insertions_of_one_id_one_wins(url: str) -> None:
    """Twenty threads inserting one job id: one succeeds, nineteen get 409."""
    job_id = f"claim-{uuid4().hex}"

    def insert(_: int) -> str:
        try:
            client_of(url).query("SELECT 1", job_id=job_id, job_retry=None)
        except Conflict:
            return "refused"
        return "won"

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(insert, range(20))) == {"won": 1, "refused": 19}


def test_a_failed_job_keeps_its_id(client: bigquery.Client) -> None:
    """A job that failed has used up its id, and jobs.get shows its error."""
    job_id = f"failed-{uuid4().hex}"
    with pytest.raises(BadRequest):
        client.query("SELECT nope", job_id=job_id, job_retry=None).result()
    with pytest.raises(Conflict):
        client.query("SELECT 1", job_id=job_id, job_retry=None)
    job = client.get_job(job_id)
    assert (job.state, job.error_result["reason"]) == ("DONE", "invalidQuery")


@pytest.mark.parametrize("size", [8, None], ids=["multipart", "resumable"])
def test_a_load_job_id_is_accepted_once(client: bigquery.Client, dataset: str, size: int | None) -> None:
    """An upload with a used job id is 409 and loads nothing, multipart or resumable."""
    job_id, table = f"load-{uuid4().hex}", f"{dataset}.t"
    config = LoadJobConfig(schema=[bigquery.SchemaField("x", "INT64")], source_format="NEWLINE_DELIMITED_JSON")

    def load() -> None:
        file = io.BytesIO(b'{"x": 1}')
        client.load_table_from_file(file, table, size=size, job_id=job_id, job_config=config).result()

    load()
    with pytest.raises(Conflict):
        load()
    assert value(client, f"SELECT COUNT(*) FROM {table}") == 1
    assert cast(bigquery.LoadJob, client.get_job(job_id)).output_rows == 1


def test_jobs_get_returns_the_whole_configuration(client: bigquery.Client) -> None:
    """jobs.get gives back labels, query text, parameters and creation time."""
    job_id, before = f"job-{uuid4().hex}", datetime.now(UTC).replace(microsecond=0)
    given = [ScalarQueryParameter("fingerprint", "STRING", "abc"), ScalarQueryParameter("n", "INT64", 3)]
    config = QueryJobConfig(query_parameters=given, labels={"run": "r1"})
    client.query("SELECT @fingerprint, @n", job_id=job_id, job_config=config, job_retry=None).result()
    job = cast(bigquery.QueryJob, client.get_job(job_id))
    assert job.labels == {"run": "r1"}
    assert job.query_parameters == given
    assert (job.query, job.state, job.error_result) == ("SELECT @fingerprint, @n", "DONE", None)
    assert before <= job.created <= datetime.now(UTC)


def test_a_request_id_runs_a_statement_once(api: Api, client: bigquery.Client, dataset: str) -> None:
    """jobs.query with a `requestId` sent again answers with the first request's result and runs nothing."""
    rows(client, f"CREATE TABLE {dataset}.t (x INT64)")
    request = {"requestId": uuid4().hex}
    answers = [api.query(f"INSERT INTO {dataset}.t (x) VALUES (1)", **request).json() for _ in range(3)]
    assert [answer["numDmlAffectedRows"] for answer in answers] == ["1", "1", "1"]
    assert len({answer["jobReference"]["jobId"] for answer in answers}) == 1
    assert value(client, f"SELECT COUNT(*) FROM {dataset}.t") == 1


def test_a_table_tells_when_its_rows_changed(client: bigquery.Client, dataset: str) -> None:
    """tables.get has another etag and a later lastModifiedTime after each write to it, and after nothing else."""
    rows(client, f"CREATE TABLE {dataset}.t (x INT64)")

    def state() -> tuple[str | None, datetime | None]:
        table = client.get_table(f"{dataset}.t")
        return table.etag, table.modified

    states = [state()]
    assert state() == states[0]
    assert client.insert_rows_json(client.get_table(f"{dataset}.t"), [{"x": 1}]) == []
    states.append(state())
    rows(client, f"INSERT INTO {dataset}.t (x) VALUES (2)")
    states.append(state())
    client.load_table_from_json([{"x": 3}], f"{dataset}.t").result()
    states.append(state())
    rows(client, f"SELECT * FROM {dataset}.t")
    rows(client, f"CREATE TABLE {dataset}.other (x INT64)")
    rows(client, f"INSERT INTO {dataset}.other (x) SELECT x FROM {dataset}.t")
    rows(client, f"UPDATE {dataset}.other AS o SET x = t.x + 1 FROM {dataset}.t AS t WHERE t.x = o.x")
    assert len({etag for etag, _ in states}) == 4
    assert [at for _, at in states] == sorted(at for _, at in states if at)
    assert state() == states[-1]
