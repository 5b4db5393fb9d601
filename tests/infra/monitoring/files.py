"""The files of `infra/monitoring`, as gcloud reads them."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from cloudact.settings import ROOT

MONITORING = ROOT / "infra" / "monitoring"
_LOG_METRIC = re.compile(r"logging\.googleapis\.com/user/(\w+)|logging_googleapis_com:user_(\w+)")


def metrics() -> dict[str, dict[str, Any]]:
    """The log-based metrics by name."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((MONITORING / "metrics").glob("*.yaml"))}


def policies() -> dict[str, dict[str, Any]]:
    """The alert policies by the name of their file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((MONITORING / "policies").glob("*.json"))}


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return found


def used_metrics(path: Path) -> set[str]:
    """The log-based metrics that a file names, in either of Monitoring's two languages."""
    found = {first or second for first, second in _LOG_METRIC.findall(path.read_text())}
    return {name.removesuffix("_sum") for name in found}  # PromQL's name for the sum of a distribution
