"""Results and tables are read page by page."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from google.cloud import bigquery

from localcloud.bigquery import pages
from tests.localcloud.bigquery.running import PROJECT, Api, rows, running_server


def test_a_result_is_read_in_pages(client: bigquery.Client) -> None:
    """`result(page_size=n)` fetches n rows a request, in order, from both ways of querying."""
    sql = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 1000)) x ORDER BY x"
    for result in (client.query(sql).result(page_size=300), client.query_and_wait(sql, page_size=300)):
        pages = [[row.x for row in page] for page in result.pages]
        assert [len(page) for page in pages] == [300, 300, 300, 100]
        assert [x for page in pages for x in page] == list(range(1, 1001))
        assert result.total_rows == 1000


def test_a_page_has_the_fields_that_are_asked_for(client: bigquery.Client) -> None:
    """A partial response is what the client asks for of each page: no schema, and no statistics."""
    job = client.query("SELECT 1 AS x")
    job.result()
    path = f"/projects/{PROJECT}/queries/{job.job_id}"
    asked = {"fields": "rows,pageToken,totalRows", "location": "US"}
    answer = client._connection.api_request("GET", path, query_params=asked)
    assert answer == {"rows": [{"f": [{"v": "1"}]}], "totalRows": "1"}


def test_a_result_tells_its_size(client: bigquery.Client) -> None:
    """The anonymous table of a result has its rows and, as far as its types tell, its bytes."""
    job = client.query("SELECT x, 'a' AS s FROM UNNEST([1, 2, 3]) x")
    job.result()
    described = client.get_table(job.destination)
    assert (described.num_rows, described.num_bytes) == (3, 3 * (8 + 32))


def test_a_table_is_listed_in_pages(client: bigquery.Client, dataset: str) -> None:
    """`list_rows` pages through a table, with chosen fields and from a start index."""
    rows(client, f"CREATE TABLE {dataset}.t AS SELECT x, 'a' AS s FROM UNNEST(GENERATE_ARRAY(0, 99)) x")
    table = client.get_table(f"{PROJECT}.{dataset}.t")
    found = client.list_rows(table, page_size=30, start_index=10, selected_fields=table.schema[:1])
    assert sorted(tuple(row.values()) for row in found) == [(x,) for x in range(10, 100)]
    assert len(list(client.list_rows(table, max_results=5))) == 5


def test_every_type_survives_the_wire(client: bigquery.Client) -> None:
    """NULLs, nested arrays, bytes, times and non-finite floats arrive as they left."""
    sql = """SELECT b'ab' AS b, TIME '01:02:03' AS t, DATETIME '2026-11-10 01:02:03.5' AS d,
      CAST('nan' AS FLOAT64) AS nan, CAST('-inf' AS FLOAT64) AS inf,
      [STRUCT([1, 2] AS xs, CAST(NULL AS STRING) AS s)] AS nested, [] AS empty,
      CAST(NULL AS STRUCT<a INT64>) AS nothing, -1.5e-7 AS small, TRUE AS yes"""
    (row,) = client.query_and_wait(sql)
    assert (row.b, str(row.t), str(row.d)) == (b"ab", "01:02:03", "2026-11-10 01:02:03.500000")
    assert (str(row.nan), row.inf, row.small, row.yes) == ("nan", float("-inf"), -1.5e-7, True)
    assert (row.nested, row.empty, row.nothing) == ([{"xs": [1, 2], "s": None}], [], None)


@pytest.mark.parametrize(("rows_of_page", "threads"), [(pages.AT_ONCE // 2, 0), (pages.AT_ONCE // 2 + 1, 1)])
def test_a_large_page_keeps_nobody_waiting(rows_of_page: int, threads: int) -> None:
    """It is encoded by a thread while the event loop goes on, a small one at once; the rows are the same."""
    table = pa.table({"n": range(3000), "text": ["a"] * 3000})

    async def encoded() -> tuple[str, int]:
        before = threading.active_count()
        found = await pages.encoded(table, 5, rows_of_page)
        return orjson.dumps(found).decode(), threading.active_count() - before

    found, started = asyncio.run(encoded())
    assert (found, started) == (orjson.dumps(pages.encode(table, 5, rows_of_page)).decode(), threads)
    assert found.startswith('[{"f":[{"v":"5"},{"v":"a"}]},')
    assert found.count('"f"') == rows_of_page


@pytest.mark.bench
def test_a_million_wide_rows() -> None:
    """A million rows of thirty columns are read in pages while the server's memory stays bounded."""
    columns = ", ".join(
        f"CAST(x AS STRING) AS s{i}, x * {i} AS n{i}, CAST(x AS NUMERIC) / 7 AS d{i}" for i in range(10)
    )
    with running_server() as url:
        api = Api(url)
        answer = api.query(f"SELECT {columns} FROM UNNEST(GENERATE_ARRAY(1, 1000000)) x", maxResults=0).json()
        path = f"/bigquery/v2/projects/{PROJECT}/queries/{answer['jobReference']['jobId']}"
        token, count, resident = "0", 0, [_resident_mb(api)]
        while token:
            page = api.http.get(path, params={"pageToken": token, "maxResults": 10000}).json()
            count, token = count + len(page["rows"]), page.get("pageToken")
            resident.append(_resident_mb(api))
    assert count == 1_000_000
    assert max(resident) < resident[0] + 300


def _resident_mb(api: Api) -> float:
    status = Path(f"/proc/{api.http.get('/local/health').json()['pid']}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
