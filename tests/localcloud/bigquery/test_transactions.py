"""What a script does in a transaction is done as a whole or not at all, and leaves none open."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import bigquery

from tests.localcloud.bigquery.running import Api, rows, value

INSERT = "INSERT INTO {t} (x) VALUES (1)"
COUNT = "SELECT COUNT(*) FROM {t}"


@pytest.fixture
def t(client: bigquery.Client, dataset: str) -> str:
    """The name of an empty table."""
    rows(client, f"CREATE TABLE {dataset}.t (x INT64)")
    return f"{dataset}.t"


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        (f"BEGIN TRANSACTION; {INSERT}; {INSERT}; COMMIT TRANSACTION", 2),
        (f"BEGIN TRANSACTION; {INSERT}; ROLLBACK TRANSACTION", 0),
        (f"{INSERT}; BEGIN; {INSERT}; END; BEGIN TRANSACTION; {INSERT}; {COUNT}; ROLLBACK; {INSERT}", 3),
        (f"BEGIN TRANSACTION; {INSERT}; {COUNT}", 0),
        (f"BEGIN TRANSACTION; {INSERT}; SELECT ERROR('no'); COMMIT TRANSACTION", 0),
        (f"{INSERT}; COMMIT TRANSACTION", 1),
        ("BEGIN TRANSACTION", 0),
        (f"BEGIN TRANSACTION; {INSERT}; DROP TABLE {{t}}; COMMIT TRANSACTION", 0),
        ("EXECUTE IMMEDIATE 'BEGIN TRANSACTION'", 0),
    ],
)
def test_what_a_transaction_keeps(api: Api, client: bigquery.Client, t: str, script: str, kept: int) -> None:
    """Its rows stay only where it is committed; without that, or after an error, the next job finds none of them."""
    api.query(script.format(t=t))
    assert value(client, COUNT.format(t=t)) == kept
    rows(client, f"CREATE OR REPLACE TABLE {t} AS SELECT 1 AS x")
    assert value(client, COUNT.format(t=t)) == 1


def test_a_transaction_reads_what_it_wrote(client: bigquery.Client, t: str) -> None:
    """A query in a transaction has its rows; what is not emulated in one, or needs one, is refused."""
    assert value(client, f"BEGIN TRANSACTION; {INSERT}; {COUNT}; ".format(t=t)) == 1
    rows(client, f"BEGIN TRANSACTION; {INSERT}; {COUNT}; COMMIT TRANSACTION".format(t=t))
    assert client.get_table(t).num_rows == 1
    for script in (
        "COMMIT",
        f"SELECT 1; ROLLBACK; {INSERT}",
        "BEGIN TRANSACTION; CREATE TABLE {t}_2 (x INT64); COMMIT",
    ):
        with pytest.raises(BadRequest, match="ransaction"):
            rows(client, script.format(t=t))
