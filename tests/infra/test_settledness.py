"""The views `restatement_curve` and `settledness`: what a day is called follows from what was measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.cloud.bigquery import QueryJobConfig

from cloudact import clients
from cloudact.runs.result import Completeness, Fingerprint, Result
from cloudact.runs.run import Run, TriggerType
from jobs.day_history import record_day
from providers.org_day import OrgDay
from tests.conftest import Local, NewOrgs
from tests.googlesql import gate
from tests.infra.org_views import inlined, select_of
from tests.lineage import sources

TODAY = datetime.now(UTC).date()  # the server's own clock bounds the curve
Reads = Sequence[tuple[int, str, str]]  # hours after the day's end, cost with its currency, completeness


def costs_of(text: str) -> dict[str, Decimal]:
    """The costs of `5 10EUR`: five dollars and ten euros."""
    return {each[-3:] if each[-1].isalpha() else "USD": Decimal(each.rstrip("EUR")) for each in text.split()}


def record(local: Local, org_slug: str, day: date, reads: Reads) -> None:
    """Records reads of one day of OpenAI, in turn."""
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
    for generation, (hours, cost, complete) in enumerate(reads, start=1):
        at = end + timedelta(hours=hours)
        run = Run(
            org_slug=org_slug, pipeline="openai_usage_cost", provider="openai", domain="", name="usage_cost", date=day,
            generation=generation, trigger_type=TriggerType.SCHEDULE, triggered_by="scheduler", requested_at=at,
        )  # fmt: skip
        fingerprint = Fingerprint(rows=1, cost=costs_of(cost), source_as_of=None, tables={})
        result = Result(
            fingerprint=fingerprint,
            previous=None,
            difference=None,
            unchanged=False,
            completeness=Completeness(complete),
        )
        record_day(OrgDay(run, org_slug, local.warehouse), result, {"t": 1}, None, at, at)


def curve(local: Local, org_slug: str) -> dict[int, dict[str, Any]]:
    """The curve by hours."""
    return {row["hours"]: row for row in local.query(f"SELECT * FROM {org_slug}.restatement_curve ORDER BY hours")}


def test_the_curve_is_what_was_there(local: Local, new_org: NewOrgs) -> None:
    """After 24 hours a half of one day and all of another was there, a third was empty, and after 48 all of each."""
    slug = new_org(views=True).org_slug
    for back, early in enumerate(("5", "10", ""), start=20):
        day = TODAY - timedelta(days=back)
        record(local, slug, day, [(6, early, "settling"), (30, "10", "settling"), (800, "10", "final")])
    record(local, slug, TODAY - timedelta(days=3), [(6, "1", "settling")])  # not final: it measures nothing
    found = curve(local, slug)
    assert (found[24]["measured"], found[24]["mean_share"], found[24]["least_share"]) == (3, Decimal("0.5"), 0)
    assert (found[48]["measured"], found[48]["unchanged_since"], found[24]["unchanged_since"]) == (3, 3, 1)


@pytest.mark.parametrize(
    ("days", "early", "hours", "told"),
    [
        (6, "5", 30, "settling"),
        (7, "9.6", 6, "settling"),
        (7, "9.6", 30, "settling"),
        (7, "9.4", 30, "provisional"),
        (28, "10", 30, "final"),
        (27, "10", 30, "settling"),
    ],
    ids=[
        "too few",
        "younger than measured",
        "nearly all was there",
        "much was missing",
        "nothing ever changed",
        "one too few",
    ],
)
def test_what_a_day_is_called(local: Local, new_org: NewOrgs, days: int, early: str, hours: int, told: str) -> None:
    """A day that its own age would call settling is called by what as many days had when they were as old."""
    slug = new_org(views=True).org_slug
    for back in range(days):
        day = TODAY - timedelta(days=40 + back)
        record(local, slug, day, [(20, early, "settling"), (800, "10", "final")])
    record(local, slug, TODAY - timedelta(days=2), [(hours, "3", "settling")])
    sql = f"SELECT * FROM {slug}.settledness WHERE usage_date >= '{TODAY - timedelta(days=5)}'"
    (day_status,) = local.query(sql)
    assert day_status["settledness"] == told


def settledness_of(local: Local, slug: str, day: date) -> str:
    (found,) = local.query(f"SELECT settledness FROM {slug}.settledness WHERE usage_date = '{day}'")
    return str(found["settledness"])


HALF = [(1, "5", "settling"), (23, "10", "settling"), (800, "10", "final")]
STABLE = [(20, "10", "settling"), (800, "10", "final")]
FALLEN = [(20, "10", "settling"), (300, "0", "settling"), (800, "", "final")]
TWO_CURRENCIES = [(20, "10 4EUR", "settling"), (800, "10 4EUR", "final")]
ONE_GONE = [(20, "10 4EUR", "settling"), (300, "10 0EUR", "settling"), (800, "10", "final")]
A_MILLIONTH = [(20, "20000.000001", "settling"), (800, "20000.000002", "final")]
BACKFILLED = [(800, "10", "final")]
WHILE_IT_RAN = [(-12, "10", "provisional"), (800, "10", "final")]
FREE = [(20, "0", "settling"), (800, "0", "final")]


@pytest.mark.parametrize(
    ("measured", "read_at", "told"),
    [
        ([HALF] * 28, 1, "settling"),
        ([STABLE] * 28, 30, "final"),
        ([STABLE] * 28 + [FALLEN], 30, "provisional"),
        ([TWO_CURRENCIES] * 14, 30, "settling"),
        ([TWO_CURRENCIES] * 28, 30, "final"),
        ([TWO_CURRENCIES] * 28 + [ONE_GONE], 30, "provisional"),
        ([A_MILLIONTH] * 28, 30, "settling"),
        ([BACKFILLED] * 28, 30, "settling"),
        ([WHILE_IT_RAN] * 28, 30, "settling"),
        ([FREE] * 28, 30, "final"),
    ],
    ids=[
        "too young to judge", "nothing ever changed", "one fell to nothing", "fourteen days of two currencies",
        "28 days of two currencies", "a currency vanished", "the last digit changed", "read once", "read while it ran",
        "nothing ever cost anything",
    ],
)  # fmt: skip
def test_what_counts_as_measured(
    local: Local, new_org: NewOrgs, measured: Sequence[Reads], read_at: int, told: str
) -> None:
    """Measured is a day that was read after its end and again later; it has changed if any amount has, by anything."""
    slug = new_org(views=True).org_slug
    for back, reads in enumerate(measured, start=40):
        record(local, slug, TODAY - timedelta(days=back), reads)
    record(local, slug, TODAY - timedelta(days=2), [(read_at, "3", "settling")])
    assert settledness_of(local, slug, TODAY - timedelta(days=2)) == told


@pytest.mark.parametrize(
    ("completeness", "told"),
    [("provisional", "provisional"), ("final", "final"), ("frozen", "final"), ("partial", "settling")],
)
def test_what_the_run_knows_comes_first(local: Local, new_org: NewOrgs, completeness: str, told: str) -> None:
    """A day that was not over, or lacks amounts, is provisional; one that can change no more is final."""
    slug = new_org(views=True).org_slug
    record(local, slug, TODAY - timedelta(days=2), [(6, "2", "settling"), (7, "3", completeness)])
    (found,) = local.query(f"SELECT * FROM {slug}.settledness")
    assert (found["settledness"], found["completeness"], found["generation"]) == (told, completeness, 2)
    assert (found["age_hours"], found["changes"]) == (7, 2)


@pytest.mark.parametrize("view", ["cost_changes", "settledness"])
def test_a_bound_reads_those_days_alone(local: Local, new_org: NewOrgs, view: str) -> None:
    """A bound on `usage_date` is one on the table's partitions, by Google's analyzer and by the bytes that are read."""
    assert sources(gate("org"), inlined(view), "usage_date") == {"day_history.usage_date"}
    slug = new_org(views=True).org_slug
    for back in (200, 300):
        record(local, slug, TODAY - timedelta(days=back), [(6, "2", "settling"), (7, "3", "final")])

    def bytes_of(days: int) -> int:
        sql = f"SELECT * FROM {slug}.{view} WHERE usage_date >= '{TODAY - timedelta(days=days)}'"
        config = QueryJobConfig(dry_run=True, use_query_cache=False)
        return int(clients.bigquery(local.settings).query(sql, job_config=config).total_bytes_processed)

    assert 0 == bytes_of(100) < bytes_of(250) < bytes_of(350)


def test_both_views_measure_at_the_same_hours() -> None:
    """The hours that a day is compared at are those that the curve has: another one would find nothing there."""
    curve, days = (
        re.findall(r"UNNEST\((\[[\d, ]+\])\)", select_of(name)) for name in ("restatement_curve", "settledness")
    )
    assert curve == days
    assert len(curve) == 1
