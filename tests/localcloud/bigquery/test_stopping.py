"""A query that takes too long is ended by whoever may end it, and the next one runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from google.cloud import bigquery

from tests.localcloud.bigquery.running import PROJECT, Api, rows, value

JOBS = f"/bigquery/v2/projects/{PROJECT}/jobs"
# 10^12 pairs: hours on any machine.
ENDLESS = """SELECT COUNTIF(MOD(a * b, 7) = 3) FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a
CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b"""
SOON_S = 60.0


@pytest.fixture
def endless(api: Api) -> Iterator[tuple[str, Future[httpx.Response]]]:
    """The id of a job that runs and does not end by itself, and the answer to its insertion."""
    job_id = f"endless-{uuid4().hex}"
    query = {"query": ENDLESS, "useLegacySql": False}
    body = {"jobReference": {"projectId": PROJECT, "jobId": job_id}, "configuration": {"query": query}}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.http.post, JOBS, json=body, timeout=2 * SOON_S)
        until = time.monotonic() + SOON_S
        while api.http.get(f"{JOBS}/{job_id}").status_code == 404:
            assert time.monotonic() < until
            time.sleep(0.01)
        yield job_id, answer
        api.http.post(f"{JOBS}/{job_id}/cancel")


def _reason(answer: httpx.Response) -> Any:
    return answer.json()["status"]["errorResult"]["reason"]


def test_a_cancelled_query_ends(api: Api, endless: tuple[str, Future[httpx.Response]]) -> None:
    """While it runs others see so; jobs.cancel stops it, its insertion answers, and the next query runs."""
    job_id, answer = endless
    assert api.http.get(f"{JOBS}/{job_id}").json()["status"] == {"state": "RUNNING"}
    results = api.http.get(f"/bigquery/v2/projects/{PROJECT}/queries/{job_id}").json()
    assert (results["jobComplete"], "rows" in results) == (False, False)
    assert not answer.done()
    assert api.http.post(f"{JOBS}/{job_id}/cancel").status_code == 200
    assert _reason(answer.result(SOON_S)) == "stopped"
    assert api.http.get(f"{JOBS}/{job_id}").json()["status"]["state"] == "DONE"
    assert api.query("SELECT 1").json()["rows"] == [{"f": [{"v": "1"}]}]


def test_a_query_nobody_waits_for_ends(api: Api) -> None:
    """A client that gives up on jobs.query and hangs up frees the engine for the next query."""
    request = {"requestId": uuid4().hex}
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            api.http.post(
                f"/bigquery/v2/projects/{PROJECT}/queries",
                json={"query": ENDLESS, "useLegacySql": False, **request},
                timeout=0.3,
            )
    assert api.query("SELECT 1").json()["rows"] == [{"f": [{"v": "1"}]}]


def test_a_query_ends_at_its_time_limit(api: Api) -> None:
    """`jobTimeoutMs` ends the query with the reason `timeout`."""
    answer = api.query(ENDLESS, jobTimeoutMs="100")
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "timeout")
    assert api.query("SELECT 1", jobTimeoutMs="100000").status_code == 200


def test_a_statement_that_writes_is_done_though_nobody_waits(
    api: Api, client: bigquery.Client, dataset: str, endless: tuple[str, Future[httpx.Response]]
) -> None:
    """DML of a client that hung up is done as Google does it; a SELECT before it is left out."""
    job_id, _ = endless
    for sql in (ENDLESS, f"CREATE TABLE {dataset}.t AS SELECT 1 AS x", f"INSERT INTO {dataset}.t (x) VALUES (2)"):
        with pytest.raises(httpx.ReadTimeout):
            api.http.post(
                f"/bigquery/v2/projects/{PROJECT}/queries", json={"query": sql, "useLegacySql": False}, timeout=0.3
            )
    api.http.post(f"{JOBS}/{job_id}/cancel")
    assert sorted(rows(client, f"SELECT x FROM {dataset}.t")) == [(1,), (2,)]
    assert value(client, "SELECT 1") == 1
