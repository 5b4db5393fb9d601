"""Google's own bq command line, against a local BigQuery."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cloudact.settings import Settings

needs_bq = pytest.mark.skipif(shutil.which("bq") is None, reason="Google's bq command line is not installed")


def rows_by_bq(settings: Settings, home: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of a statement as bq prints them in JSON; its files lie in the folder `home`."""
    (home / "token").write_text("any", encoding="utf-8")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CLOUDSDK_CONFIG": str(home / "gcloud"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(home / "token"),
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
    }
    command = ["bq", "--api", settings.bigquery_endpoint, "--project_id", settings.project, "--format=json"]
    command += ["query", "--use_legacy_sql=false", "--max_rows=1000", sql]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows
