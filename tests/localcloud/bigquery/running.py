"""Starting and stopping a local BigQuery for tests, and reaching it with Google's client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.checked_requests import counted

PROJECT = "demo"


@contextmanager
def running_server(*arguments: str) -> Iterator[str]:
    """A server of its own on a free port; ended by SIGTERM."""
    command = [sys.executable, "-m", "localcloud.bigquery", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("bigquery ready "), line
        with counted(line.split()[-1]):
            yield line.split()[-1]
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0


def client_of(url: str, project: str = PROJECT) -> bigquery.Client:
    """Google's client, talking to the server."""
    return bigquery.Client(
        project=project, credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
    )  # fmt: skip


def rows(client: bigquery.Client, sql: str, **config: Any) -> list[tuple[Any, ...]]:
    """The rows of a query, by `jobs.query`."""
    job_config = bigquery.QueryJobConfig(**config)
    return [tuple(row.values()) for row in client.query_and_wait(sql, job_config=job_config)]


def value(client: bigquery.Client, sql: str, **config: Any) -> Any:
    """The only value of a query."""
    ((found,),) = rows(client, sql, **config)
    return found


class Api:
    """Plain HTTP to the server, for what Google's client hides."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)

    def query(self, sql: str, **body: Any) -> httpx.Response:
        """jobs.query."""
        return self.http.post(
            f"/bigquery/v2/projects/{PROJECT}/queries", json={"query": sql, "useLegacySql": False, **body}
        )
