"""A query that takes too long is ended by whoever may end it, and the next one runs."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import httpx
import pytest
from bqemulator.config import PersistenceMode, Settings
from google.cloud import bigquery

from localcloud.bigquery import emulator
from tests.localcloud.bigquery.running import PROJECT, Api, rows, running_server, value

JOBS = f"/bigquery/v2/projects/{PROJECT}/jobs"
# 10^12 pairs: hours on any machine.
ENDLESS = """SELECT COUNTIF(MOD(a * b, 7) = 3) AS n FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a
CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1000000)) AS b"""
A_WHILE = ENDLESS.replace("1000000", "3000")
SOON_S = 60.0


@pytest.fixture
def endless(api: Api) -> Iterator[tuple[str, Future[httpx.Response]]]:
    """The id of a job that runs and does not end by itself, and the answer to its insertion."""
    with ThreadPoolExecutor(1) as pool:
        job_id, answer = _begun(api, pool, ENDLESS)
        yield job_id, answer
        api.http.post(f"{JOBS}/{job_id}/cancel")


def _begun(api: Api, pool: ThreadPoolExecutor, sql: str) -> tuple[str, Future[httpx.Response]]:
    """The id of a job that runs now, and the answer to its insertion."""
    job_id = f"endless-{uuid4().hex}"
    query = {"query": sql, "useLegacySql": False}
    body = {"jobReference": {"projectId": PROJECT, "jobId": job_id}, "configuration": {"query": query}}
    answer = pool.submit(api.http.post, JOBS, json=body, timeout=2 * SOON_S)
    until = time.monotonic() + SOON_S
    while api.http.get(f"{JOBS}/{job_id}").status_code == 404:
        assert time.monotonic() < until
        time.sleep(0.01)
    return job_id, answer


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
    for sql in (ENDLESS, ENDLESS, f"SELECT 1; {ENDLESS}"):
        with pytest.raises(httpx.ReadTimeout):
            api.http.post(
                f"/bigquery/v2/projects/{PROJECT}/queries",
                json={"query": sql, "useLegacySql": False, **request},
                timeout=0.3,
            )
    assert api.query("SELECT 1").json()["rows"] == [{"f": [{"v": "1"}]}]


def test_a_query_ends_at_its_time_limit(api: Api, dataset: str) -> None:
    """`jobTimeoutMs` ends the query with the reason `timeout`, also that of a table, which then is not made."""
    for sql in (ENDLESS, f"CREATE TABLE {dataset}.t (n INT64) AS {ENDLESS}"):
        answer = api.query(sql, jobTimeoutMs="100")
        assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "timeout")
    assert api.query(f"SELECT n FROM {dataset}.t").status_code == 404
    for none in ("100000", "0", "-1"):
        assert api.query(A_WHILE, jobTimeoutMs=none).status_code == 200


def test_a_packed_query_is_waited_for(api: Api) -> None:
    """A client that has sent its query with gzip, and has nothing more to say, has not hung up."""
    body = gzip.compress(json.dumps({"query": A_WHILE, "useLegacySql": False}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = api.http.post(f"/bigquery/v2/projects/{PROJECT}/queries", content=body, headers=headers, timeout=SOON_S)
    assert answer.json().get("jobComplete"), answer.text


def test_a_job_ends_with_its_server(tmp_path: Path) -> None:
    """The catalog of a server that got SIGTERM during a query has the job as done, with an error."""
    with ThreadPoolExecutor(1) as pool:
        with running_server("--data-dir", str(tmp_path)) as url:
            api = Api(url)
            job_id, answer = _begun(api, pool, ENDLESS)
        assert isinstance(answer.exception(SOON_S), httpx.HTTPError) or answer.result().status_code == 500
    (database,) = tmp_path.glob("*.duckdb")
    with duckdb.connect(str(database), read_only=True) as kept:
        found = kept.execute("SELECT job_id, state, metadata_json FROM _bqemulator_catalog.jobs").fetchall()
    assert [(name, state) for name, state, _ in found] == [(job_id, "DONE")]
    assert "the server was stopped" in found[0][2]


async def _kept(directory: Path, job_id: str, *, begins: bool) -> Any:
    """The state and the error's reason of a job in a server that opens this directory and then is gone."""
    opened = await emulator.start(Settings(persistence_mode=PersistenceMode.PERSISTENT, data_dir=directory))
    try:
        if begins:
            opened.jobs.claim(PROJECT, job_id, "QUERY", {"query": {"query": ENDLESS}})
        job = opened.jobs.get(PROJECT, job_id)
        return job.state, (job.error_result or {}).get("reason")
    finally:
        await opened.engine.stop()


def test_a_job_of_a_killed_server_is_ended_by_the_next_one(tmp_path: Path) -> None:
    """What no server runs any more is done, with an error, as soon as the directory is opened again."""
    assert asyncio.run(_kept(tmp_path, "member_1", begins=True)) == ("RUNNING", None)
    assert asyncio.run(_kept(tmp_path, "member_1", begins=False)) == ("DONE", "stopped")


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
