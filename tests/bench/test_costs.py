"""A question about 90 days of 1,000,000 rows: one query, which reads these days alone; the repetition takes none.

Run by `python -m pytest -m bench -s tests/bench/test_costs.py`. The small version is in tests/functions/costs.
"""

from __future__ import annotations

import resource
import sys
from decimal import Decimal

import pytest

from functions.composition import compose
from functions.routes import public_app
from tests.conftest import Local, NewOrgs
from tests.fault_proxy import Doorman

ROWS, DAYS = 1_000_000, 90
# A day's rows are spread over 40 models, 200 projects and 3 types; those of the 90 days before are a tenth.
FILL = """
INSERT INTO `{dataset}.openai_cost_daily_raw`
  (usage_date, org_slug, run_id, ingested_at, amount, currency, line_item, project_id, quantity, quantity_unit, raw)
SELECT
  DATE_SUB(DATE '2026-11-11', INTERVAL MOD(n, {days}) + {back} DAY), '{dataset}', 'r-1', TIMESTAMP '2026-11-12',
  CAST(n AS NUMERIC) / 1000000000, 'USD',
  CONCAT('gpt-', CAST(MOD(n, 40) AS STRING), IF(MOD(n, 3) = 0, ', output', ', input')),
  CONCAT('proj_', CAST(MOD(n, 200) AS STRING)), 1000, 'tokens', '{{}}'
FROM UNNEST(GENERATE_ARRAY(1, {rows})) AS n
"""


@pytest.mark.bench
def test_a_million_rows(local: Local, new_org: NewOrgs, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes are those of the days that are asked about, exactly; sums are exact; memory of the function is bounded."""
    org = new_org(views=True)
    for rows, back in ((ROWS, 0), (ROWS // 10, DAYS)):
        local.warehouse.script(FILL.format(dataset=org.org_slug, rows=rows, back=back, days=DAYS))
    door = Doorman(local.settings.bigquery_endpoint)
    rooms = compose(local.settings.model_copy(update={"bigquery_endpoint": door.url}), local.clock)
    api, key = public_app(rooms).test_client(), {"X-API-Key": org.api_key}
    api.get(f"/api/v1/organizations/{org.org_slug}/api-key", headers=key)
    path = f"/api/v1/costs/{org.org_slug}?start=2026-08-14&end=2026-11-11&group_by=model,sub_account&limit=50"
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    queries, answers = [], []
    for _ in range(2):
        door.seen.clear()
        answers.append(api.get(path, headers=key))
        queries.append(sum(line.endswith("/queries") for line in door.seen))
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) // 1024
    door.close()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert queries == [1, 0]
    (sums,) = answers[0].get_json()["results"]
    assert Decimal(sums["total"]) == Decimal(ROWS * (ROWS + 1) // 2).scaleb(-9)
    assert sums["group_count"] == 200
    read = [int(answer.headers["X-Bytes-Processed"]) for answer in answers]
    whole = _bytes_of(local, org.org_slug, "TRUE")
    assert read == [_bytes_of(local, org.org_slug, "usage_date BETWEEN '2026-08-14' AND '2026-11-11'"), 0]
    assert read[0] * 11 == whole * 10
    with capsys.disabled():
        sys.stdout.write(
            f"\n{ROWS:,} rows: queries {queries}, bytes {read[0]:,} of {whole:,}, answer {len(answers[0].data):,} B\n"
        )
        sys.stdout.write(f"memory of the process grew by {grown_mib} MiB\n")


def _bytes_of(local: Local, dataset: str, condition: str) -> int:
    """Bytes that BigQuery says such a read of the one table with rows takes."""
    from google.cloud.bigquery import QueryJobConfig

    from cloudact import clients

    config = QueryJobConfig(dry_run=True, use_query_cache=False)
    sql = f"SELECT * FROM {dataset}.openai_cost_daily_raw WHERE {condition}"
    return int(clients.bigquery(local.settings).query(sql, job_config=config).total_bytes_processed)
