"""infra/monitoring: Google's own messages take every file, and the files agree with each other."""

import json
from typing import Any

import pytest
from google.cloud.logging_v2.types import LogMetric
from google.cloud.monitoring_dashboard_v1 import Dashboard
from google.cloud.monitoring_v3 import AlertPolicy
from google.protobuf import json_format

from tests.infra.monitoring.files import MONITORING, dashboard, metrics, policies, used_metrics
from tests.logging_query import compiled

ALERTS = {
    "failed-runs", "oldest-pending", "stuck-runs", "queue-depth", "server-errors", "quota-refusals", "sweep-findings",
    "sweep-missing", "daily-missing",
}  # fmt: skip


def conditions(policy: dict[str, Any]) -> list[dict[str, Any]]:
    """What is inside the policy's conditions, whatever their kind."""
    return [value for one in policy["conditions"] for name, value in one.items() if name != "displayName"]


@pytest.mark.parametrize("name", metrics())
def test_google_takes_the_metric(name: str) -> None:
    """The file is a LogMetric whose filter we can evaluate, and each of its labels has its extractor."""
    metric = json_format.ParseDict(metrics()[name], LogMetric.pb(LogMetric()))
    compiled(metric.filter)
    assert name.startswith("cloudact_")
    assert {label.key for label in metric.metric_descriptor.labels} == set(metric.label_extractors)
    assert bool(metric.value_extractor) == (metrics()[name]["metricDescriptor"]["valueType"] == "DISTRIBUTION")


@pytest.mark.parametrize("name", policies())
def test_google_takes_the_policy(name: str) -> None:
    """The file is an AlertPolicy that says what it means and where its runbook is; whom it tells is not in it."""
    policy = json_format.ParseDict(policies()[name], AlertPolicy.pb(AlertPolicy()))
    assert policy.display_name == "cloudact_" + name.replace("-", "_")
    assert policy.severity
    assert policy.documentation.content.endswith(f"docs/operations.md#alert-{name}")
    assert not policy.notification_channels
    assert not policy.name


@pytest.mark.parametrize("name", policies())
def test_conditions_say_which_resource_they_mean(name: str) -> None:
    """Monitoring takes no condition that leaves the type of the resource open."""
    for condition in conditions(policies()[name]):
        query = condition.get("filter") or condition["query"]
        assert "resource.type = " in query or "monitored_resource=" in query


def test_a_query_waits_for_no_metric() -> None:
    """Prometheus queries name metrics that were made seconds before; Google would refuse what it does not know yet."""
    queries = [each for policy in policies().values() for each in conditions(policy) if "query" in each]
    assert [each["disableMetricValidation"] for each in queries] == [True, True]


def test_google_takes_the_dashboard() -> None:
    """The file is a Dashboard, and no tile lies on another."""
    parsed = json_format.ParseDict(dashboard(), Dashboard.pb(Dashboard()))
    tiles = parsed.mosaic_layout.tiles
    assert len({(tile.x_pos, tile.y_pos) for tile in tiles}) == len(tiles)
    assert all(tile.x_pos + tile.width <= parsed.mosaic_layout.columns for tile in tiles)


def test_every_metric_that_is_used_is_defined() -> None:
    """Alerts and dashboard name no log-based metric that is not there, and none is there for nothing."""
    used = {name for path in MONITORING.rglob("*.json") for name in used_metrics(path)}
    assert used == set(metrics())


def test_every_alert_is_there() -> None:
    """Whoever takes one away must say so here, and in the runbook."""
    assert set(policies()) == ALERTS


def test_labels_that_are_filtered_by_exist() -> None:
    """A condition on a label that its metric does not have would never be met."""
    for path in MONITORING.rglob("*.json"):
        for query in _filters(json.loads(path.read_text())):
            for name in set(metrics()) & {part.strip('"') for part in query.replace("user/", " ").split()}:
                labels = {label["key"] for label in metrics()[name]["metricDescriptor"].get("labels", [])}
                assert {part.split()[0] for part in query.split("metric.label.")[1:]} <= labels, query


def test_the_age_is_compared_where_a_bucket_ends() -> None:
    """A percentile is only known to the bucket, so a threshold inside one would be met by younger runs too."""
    (condition,) = conditions(policies()["oldest-pending"])
    bounds = metrics()["cloudact_oldest_pending_seconds"]["bucketOptions"]["explicitBuckets"]["bounds"]
    assert condition["thresholdValue"] in bounds


def _filters(found: Any) -> list[str]:
    if isinstance(found, dict):
        own = [value for name, value in found.items() if "ilter" in name and isinstance(value, str)]
        return own + [query for value in found.values() for query in _filters(value)]
    return [query for value in found for query in _filters(value)] if isinstance(found, list) else []
