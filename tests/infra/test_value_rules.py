"""The recorder refuses values that Google documents as refused: every rule of the table, one value on either side."""

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.discovery.documents import document
from infra.rehearsal.calls import Call
from infra.rehearsal.recorder import Recorder
from infra.rehearsal.rules import Rule
from infra.rehearsal.schedules import is_cron
from infra.rehearsal.value_rules import RULES

LABELS = ({"service": "cloud-act_1", "ärger": ""}, {"Service": "x"})
SIDES: dict[str, tuple[Any, Any]] = {  # words or the end of the path → a value that passes, and one that does not
    "parallelism must not exceed the number of tasks": ({"taskCount": 3, "parallelism": 3}, {"parallelism": 10}),
    "taskCount": (10_000, 10_001),
    "maxRetries": (10, 11),
    "must be at most 168 hours": ("604800", "604801"),
    "must be at most 3600 seconds": (3600, 3601),
    "must have at most 63 lowercase letters, digits and inner dashes": ("r" * 63, "r" * 64),
    "must begin with a letter, not end with a dash, and have fewer than 50 characters": ("a" * 49, "a" * 50),
    "containerConcurrency": (1000, 1001),
    "labels are at most 64, of at most 63 lowercase characters": LABELS,
    "name": ("A" * 32_768, "A" * 32_769),
    "value": ("ä" * 16_384, "ä" * 16_385),
    "so much memory needs more CPUs": ({"memory": "4Gi", "cpu": "1"}, {"memory": "5Gi", "cpu": "1"}),
    "so many CPUs need more memory": ({"memory": "2Gi", "cpu": "4"}, {"memory": "1Gi", "cpu": "4000m"}),
    "memory": ("512Mi", "33Gi"),
    "cpu": ("8", "9"),
    "must have at most 100 letters, digits and dashes": ("projects/p/queues/runs-2", "projects/p/queues/runs_2"),
    "maxDispatchesPerSecond": (500, 500.5),
    "maxConcurrentDispatches": (5000, 5001),
    "maxAttempts": (-1, -2),
    "must be 15 s to 30 min": ("15s", "14.9s"),
    "must have at most 500 letters, digits, _ and -": ("jobs/a_b-c", "jobs/a.b"),
    "schedule": ("*/5 0,12 1-15 * mon-fri", "60 * * * *"),
    "timeZone": ("Etc/UTC", "Mars/Olympus"),
    "retryCount": (5, 6),
    "must have at most 500 characters": ("d" * 500, "d" * 501),
    "must have 1 to 63 letters, digits, _ and -": ("cloud_act-1", "a.b"),
    "rotationPeriod": ("86400s", "86399s"),
    "rotationPeriod needs nextRotationTime": (
        {"rotationPeriod": "86400s", "nextRotationTime": "2026-01-01T00:00:00Z"}, {"rotationPeriod": "86400s"},
    ),
    "must have at most 255 letters, digits, _ and -": ("s" * 255, "s" * 256),
    "must have 6 to 30 lowercase letters, digits and inner dashes": ("cloudact-api", "short"),
    "must have at most 100 bytes": ("t" * 100, "t" * 101),
    "must have 3 to 64 letters, digits, _ and .": ("cloudactLedger", "cloudact-ledger"),
    "must have at most 100 of its characters": ("cloudact_runs/x", "a b"),
    "must have at most 20000 characters": ("f" * 20_000, "f" * 20_001),
    "must have at most 8000 characters": ("d" * 8000, "d" * 8001),
    "must have at most 512 characters": ("d" * 512, "d" * 513),
    "must be at most 64": ({str(n): "" for n in range(64)}, {str(n): "" for n in range(65)}),
    "must have at most 10240 bytes": ("d" * 10_240, "d" * 10_241),
    "must have at most 2048 characters": ("f" * 2048, "f" * 2049),
    "must be a multiple of 30 seconds": ("300s", "45s"),
    "must be one to six": ([{}] * 6, [{}] * 7),
    "must have letters, digits and _": ("organizations_2", "organizations-2"),
    "must have at most 1024 letters, digits, _ and -": ("claim_1-2", "claim:1"),
    "must have 3 to 63 lowercase letters, digits, dashes, _ and .": ("run-sources_demo", "google"),
}  # fmt: skip


def sides(rule: Rule) -> tuple[Any, Any]:
    """The two values of a rule."""
    return SIDES.get(rule.words) or SIDES[rule.at.rpartition(".")[2]]


def call(at: str, value: Any) -> Call:
    """A call with a value at a place."""
    if at.startswith("query:"):
        return Call("POST", "/", {at.removeprefix("query:"): value}, None, "")
    for name in reversed(at.split(".") if at else []):
        value = [value] if name == "[]" else {name: value}
    return Call("POST", "/", {}, value, "")


def method_of(rule: Rule) -> str:
    """One of the methods that a rule is about; there is one, or its pattern is wrong."""
    return next(name for name in METHODS if re.fullmatch(rule.methods, name))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.methods.partition('.')[0]} {rule.at}")
def test_a_rule_has_two_sides(rule: Rule) -> None:
    """What is just within passes, what is just outside does not, and what is not given has its default."""
    good, bad = sides(rule)
    method = method_of(rule)
    assert rule.is_kept(method, call(rule.at, good))
    assert not rule.is_kept(method, call(rule.at, bad))
    assert rule.is_kept(method, Call("POST", "/", {}, {}, ""))
    assert rule.is_kept("another.method", call(rule.at, bad))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.methods.partition('.')[0]} {rule.at}")
def test_a_rule_has_a_source_that_says_so(rule: Rule) -> None:
    """An address of Google's, the SDK's code, or a field that is described."""
    named = re.findall(r"\[(\S+) ([^\]]+)\]", rule.source)
    assert named or "https://" in rule.source or rule.source.startswith("Google Cloud SDK")
    for api, field in named:
        assert described(api, field), field


def described(api: str, field: str) -> str:
    """What a discovery document says of a field, `Schema.field`, or of a parameter, `collection.method parameter`."""
    if " " in field:
        method, parameter = field.split()
        method_found = next(each for each in document(api) if each.name.endswith(f".{method}"))
        return str(method_found.described["parameters"][parameter]["description"])
    schema, name = field.split(".")
    schemas = document(api).schemas
    found = schemas.get(schema) or schemas[f"GoogleCloudRunV2{schema}"]
    return str(found["properties"][name]["description"])


def test_the_recorder_refuses(tmp_path: Path) -> None:
    """A job with more parallelism than tasks, and a field that Cloud Run does not have, are 400 and make nothing."""
    jobs = "/apis/run.googleapis.com/v1/namespaces/demo/jobs"
    job: dict[str, Any] = {"metadata": {"name": "runner"}, "spec": {"template": {"spec": {"parallelism": 10}}}}
    with Recorder(tmp_path) as recorder:
        broken = requests.post(recorder.url + jobs, json=job, timeout=10)
        job["spec"]["template"]["spec"] = {"paralelism": 1}
        unknown = requests.post(recorder.url + jobs, json=job, timeout=10)
        nowhere = requests.get(f"{recorder.url}/v1/nothing", timeout=10)
        made = requests.get(f"{recorder.url}{jobs}/runner", timeout=10)
    assert broken.json()["error"]["message"] == "spec.template.spec: parallelism must not exceed the number of tasks"
    assert "Unknown name \"paralelism\" at 'job.spec.template.spec'" in unknown.json()["error"]["message"]
    assert [each.status_code for each in (broken, unknown, nowhere, made)] == [400, 400, 404, 404]


@pytest.mark.parametrize(
    ("line", "fine"),
    [
        ("0 6,9 * * *", True), ("*/5 * * * *", True), ("0 0 1 JAN-MAR 7", True), ("5-10/2 1 * * mon", True),
        ("* * * *", False), ("0 24 * * *", False), ("0 0 0 * *", False), ("10-5 * * * *", False),
        ("*/0 * * * *", False),
        ("0 0 * * someday", False), ("every 5 minutes", False), ("", False),
    ],
)  # fmt: skip
def test_crontab(line: str, fine: bool) -> None:
    """Five fields, each within its bounds."""
    assert is_cron(line) == fine


APIS = ("run.v1", "cloudtasks.v2", "cloudscheduler.v1", "cloudkms.v1", "secretmanager.v1", "iam.v1",
        "artifactregistry.v1", "logging.v2", "monitoring.v3", "bigquery.v2", "storage.v1")  # fmt: skip
METHODS = sorted(method.name for api in APIS for method in document(api))
