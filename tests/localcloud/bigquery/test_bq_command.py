"""Google's bq command works against the server, fetching its discovery document from it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.localcloud.bigquery.running import PROJECT

needs_bq = pytest.mark.skipif(shutil.which("bq") is None, reason="the bq command (Cloud SDK) is not installed")


def bq(url: str, home: Path, *arguments: str) -> str:
    """Run bq offline: a configuration of its own, and any text as access token."""
    token = home / "token"
    token.write_text("offline")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "CLOUDSDK_CONFIG": str(home / "gcloud"), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token), "HOME": str(home),
        "CLOUDSDK_CORE_PROJECT": PROJECT, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false", "NO_GCE_CHECK": "true",
    }  # fmt: skip
    command = ["bq", f"--api={url}", f"--project_id={PROJECT}", "--quiet", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.bench
@needs_bq
def test_bq_creates_loads_and_queries(url: str, dataset: str, tmp_path: Path) -> None:
    """bq query, mk, load and show do what they do with Google."""
    sql = "SELECT 1 AS x, CURRENT_TIMESTAMP() > TIMESTAMP '2020-01-01' AS y"
    assert bq(url, tmp_path, "--format=csv", "query", "--use_legacy_sql=false", sql).splitlines()[-1] == "1,true"
    file = tmp_path / "rows.json"
    file.write_text('{"name": "a", "n": 1}\n')
    bq(url, tmp_path, "mk", "--table", f"{dataset}.t", "name:STRING,n:INTEGER")
    bq(url, tmp_path, "load", "--source_format=NEWLINE_DELIMITED_JSON", f"{dataset}.t", str(file))
    assert '"numRows":"1"' in bq(url, tmp_path, "--format=json", "show", f"{dataset}.t").replace(" ", "")
    assert "a,1" in bq(url, tmp_path, "--format=csv", "query", "--use_legacy_sql=false", f"SELECT * FROM {dataset}.t")
