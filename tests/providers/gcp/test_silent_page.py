"""A page of rows that never comes ends the reading in time, though the heartbeat goes on while it is waited for."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, cast

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client, QueryJob

from cloudact.errors import Retry
from providers.gcp.customer_bigquery import ANSWER_TIMEOUT_S, CustomerBigQuery
from providers.gcp.errors import translating_source_errors
from providers.gcp.page_ahead import one_ahead
from providers.gcp.result_pages import PAGE_TIMEOUT_S, page_batches
from tests.jobs.billing.exports import STANDARD, export

JOB = {"projectId": "p", "jobId": "j", "location": "US"}
DONE = {"jobReference": JOB, "status": {"state": "DONE"}, "configuration": {"query": {"query": "SELECT 1 AS n"}}}
NUMBER_OF_ROWS = {"jobComplete": True, "totalRows": "9", "schema": {"fields": [{"name": "n", "type": "STRING"}]}}
MOST_BEATS = 2000
SOON_S = 0.2


class Silent(ThreadingHTTPServer):
    """BigQuery that tells how many rows a result has, and is silent when it is asked for them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked, self.over = 0, Event()


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        bigquery = cast("Silent", self.server)
        if "maxResults=0" not in self.path:
            bigquery.asked += 1
            bigquery.over.wait()
            return
        body = json.dumps({**NUMBER_OF_ROWS, "jobReference": JOB}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def silent() -> Iterator[Silent]:
    with Silent() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


def test_a_page_that_never_comes(silent: Silent) -> None:
    """It is asked for again within the answer's time, and then the run may be tried again."""
    where = ClientOptions(api_endpoint=f"http://127.0.0.1:{silent.server_port}")
    client = Client("p", credentials=AnonymousCredentials(), client_options=where)
    customer = CustomerBigQuery(lambda: client, 1, "gcp", answer_timeout_s=SOON_S)
    result = customer.result(export(STANDARD), QueryJob.from_api_repr(DONE, client))
    beats: list[int] = []

    def tick() -> None:
        beats.append(1)
        if len(beats) == MOST_BEATS:
            pytest.fail("the page is still waited for")

    pages = page_batches(result, timeout_s=SOON_S)
    with pytest.raises(Retry), translating_source_errors("p.d.t"):
        list(one_ahead(pages, tick, every_s=0.01))
    assert beats
    assert silent.asked
    assert PAGE_TIMEOUT_S + ANSWER_TIMEOUT_S < 600
