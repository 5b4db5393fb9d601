"""The schedule of the local stack: the sweep as `infra/schedule.sh` schedules it, at the stand-in of Cloud Scheduler.

The daily call is left out: it would run pipelines of the demo orgs that nobody asked for.
"""

import re
import shlex
from typing import Any

import requests

from cloudact.settings import ROOT

SCRIPT, VALUES = ROOT / "infra" / "schedule.sh", ROOT / "infra" / "env.example"
LOCAL = ("cloudact-sweep",)


def put_schedule(google_url: str, ops_url: str, service_account: str) -> None:
    """Has ops called from now on, as the service account."""
    for call in scheduled_calls():
        if call["name"] in LOCAL:
            path = call.pop("path")
            whole = {**call, "url": ops_url + path, "audience": ops_url, "service_account": service_account}
            requests.post(f"{google_url}/local/schedule", json=whole, timeout=10).raise_for_status()


def scheduled_calls() -> list[dict[str, Any]]:
    """Calls of `infra/schedule.sh`, its variables filled in from `infra/env.example`."""
    values = dict(re.findall(r"^(\w+)=(.*)$", VALUES.read_text(encoding="utf-8"), re.MULTILINE))
    lines = re.findall(r"^ *schedule_call (cloudact-.+)$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    return [_call(*(_filled(word, values) for word in shlex.split(line))) for line in lines]


def _filled(word: str, values: dict[str, str]) -> str:
    return values[word[1:]] if word.startswith("$") else word


def _call(name: str, schedule: str, path: str, deadline_s: str, retries: str, min_backoff: str) -> dict[str, Any]:
    return {
        "name": name,
        "schedule": schedule,
        "path": path,
        "deadline_s": float(deadline_s),
        "retries": int(retries),
        "min_backoff_s": float(min_backoff.removesuffix("s")),
    }
