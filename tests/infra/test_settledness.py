"""The views `restatement_curve` and `settledness`: what a day is called follows from what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.cloud.bigquery import QueryJobConfig

from cloudact import clients
from cloudact.runs.result import Completeness, Fingerprint, Result
from cloudact.runs.run import Run, TriggerType
from cloudact.warehouse.datasets import claim_org_dataset
from cloudact.warehouse.migrations import Migrations
from jobs.day_history import record_day
from providers.org_day import OrgDay
from tests.conftest import Local
from tests.day_histories import Found, History, after, load_histories
from tests.googlesql import gate
from tests.infra.org_views import inlined, select_of
from tests.lineage import sources

TODAY = datetime.now(UTC).date()  # the server's own clock bounds the curve
YOUNG = TODAY - timedelta(days=2)
DATASET, BOUNDED = "settledness_org", "settledness_bounded"
VIEWS = {"views_cost_changes", "views_restatement_curve", "views_settledness"}
Reads = Sequence[tuple[float, str, str]]  # hours after the day's end, cost with its currency, completeness


def costs_of(text: str) -> dict[str, Decimal]:
    """The costs of `5 10EUR`: five dollars and ten euros."""
    return {each[-3:] if each[-1].isalpha() else "USD": Decimal(each.rstrip("EUR")) for each in text.split()}


def found(day: date, reads: Reads) -> Iterator[Found]:
    """Reads of one day of OpenAI, in turn."""
    for hours, cost, complete in reads:
        yield Found(day, after(day, hours), complete, changed=True, costs=costs_of(cost))


def record(local: Local, org_slug: str, day: date, reads: Reads) -> None:
    """Records reads of one day of OpenAI, in turn, as runs do."""
    for generation, (hours, cost, complete) in enumerate(reads, start=1):
        at = after(day, hours)
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
        record_day(OrgDay(run, DATASET, local.warehouse), result, {"t": 1}, None, at, at)


def fill(local: Local, dataset: str) -> None:
    """Makes an org's tables and the views of its history."""
    claim_org_dataset(local.warehouse, dataset)
    migrations = Migrations(local.warehouse, applied_by="test")
    migrations.bring(dataset, [each for each in migrations.org if each.version is not None or each.name in VIEWS])


@pytest.fixture(scope="module")
def filled(session_cloud: Local) -> Local:
    """A cloud with a dataset in which many orgs have histories."""
    fill(session_cloud, DATASET)
    return session_cloud


def test_the_curve_is_what_was_there(filled: Local) -> None:
    """After 24 hours a half of one day and all of another was there, a third was empty, and after 48 all of each."""
    for back, early in enumerate(("5", "10", ""), start=20):
        day = TODAY - timedelta(days=back)
        record(filled, "curve", day, [(6, early, "settling"), (30, "10", "settling"), (800, "10", "final")])
    record(filled, "curve", TODAY - timedelta(days=3), [(6, "1", "settling")])  # not final: it measures nothing
    rows = filled.query(f"SELECT * FROM {DATASET}.restatement_curve WHERE org_slug = 'curve'")
    curve = {row["hours"]: row for row in rows}
    assert (curve[24]["measured"], curve[24]["mean_share"], curve[24]["least_share"]) == (3, Decimal("0.5"), 0)
    assert (curve[48]["measured"], curve[48]["unchanged_since"], curve[24]["unchanged_since"]) == (3, 3, 1)


# How many days had how much of ten dollars after 20 hours; after how many a young day was read, and what it is called.
CALLED = {
    "too few": (6, "5", 30, "settling"),
    "younger than measured": (7, "9.6", 6, "settling"),
    "nearly all was there": (7, "9.6", 30, "settling"),
    "much was missing": (7, "9.4", 30, "provisional"),
    "nothing ever changed": (28, "10", 30, "final"),
    "one too few": (27, "10", 30, "settling"),
}

HALF = [(1, "5", "settling"), (23, "10", "settling"), (800, "10", "final")]
STABLE = [(20, "10", "settling"), (800, "10", "final")]
FALLEN = [(20, "10", "settling"), (300, "0", "settling"), (800, "", "final")]
TWO_CURRENCIES = [(20, "10 4EUR", "settling"), (800, "10 4EUR", "final")]
ONE_GONE = [(20, "10 4EUR", "settling"), (300, "10 0EUR", "settling"), (800, "10", "final")]
A_MILLIONTH = [(20, "20000.000001", "settling"), (800, "20000.000002", "final")]
BACKFILLED = [(800, "10", "final")]
WHILE_IT_RAN = [(-12, "10", "provisional"), (800, "10", "final")]
FREE = [(20, "0", "settling"), (800, "0", "final")]

MEASURED: dict[str, tuple[Sequence[Reads], int, str]] = {
    "too young to judge": ([HALF] * 28, 1, "settling"),
    "nothing ever changed": ([STABLE] * 28, 30, "final"),
    "one fell to nothing": ([STABLE] * 28 + [FALLEN], 30, "provisional"),
    "fourteen days of two currencies": ([TWO_CURRENCIES] * 14, 30, "settling"),
    "28 days of two currencies": ([TWO_CURRENCIES] * 28, 30, "final"),
    "a currency vanished": ([TWO_CURRENCIES] * 28 + [ONE_GONE], 30, "provisional"),
    "the last digit changed": ([A_MILLIONTH] * 28, 30, "settling"),
    "read once": ([BACKFILLED] * 28, 30, "settling"),
    "read while it ran": ([WHILE_IT_RAN] * 28, 30, "settling"),
    "nothing ever cost anything": ([FREE] * 28, 30, "final"),
}

KNOWN = {"provisional": "provisional", "final": "final", "frozen": "final", "partial": "settling"}


def histories() -> Iterator[tuple[str, History]]:
    """An org for each case, with its history: older days that measure, and a young one."""
    for case, (days, early, hours, _) in CALLED.items():
        old = [(20, early, "settling"), (800, "10", "final")]
        yield f"called: {case}", [*measured(days * [old]), *found(YOUNG, [(hours, "3", "settling")])]
    for case, (reads, hours, _) in MEASURED.items():
        yield f"measured: {case}", [*measured(reads), *found(YOUNG, [(hours, "3", "settling")])]
    for completeness in KNOWN:
        yield f"known: {completeness}", [*found(YOUNG, [(6, "2", "settling"), (7, "3", completeness)])]


def measured(every: Sequence[Reads]) -> Iterator[Found]:
    """Days so old that they are final, the newest first."""
    for back, reads in enumerate(every, start=40):
        yield from found(TODAY - timedelta(days=back), reads)


@pytest.fixture(scope="module")
def young(filled: Local) -> dict[str, dict[str, Any]]:
    """The young day of each case's org, all of which are loaded and asked for at once."""
    load_histories(filled, DATASET, dict(histories()))
    since = TODAY - timedelta(days=5)
    rows = filled.query(f"SELECT * FROM {DATASET}.settledness WHERE usage_date >= '{since}' AND org_slug != 'curve'")
    days = {row["org_slug"]: row for row in rows}
    assert len(days) == len(rows)
    return days


@pytest.mark.parametrize("case", CALLED)
def test_what_a_day_is_called(young: dict[str, dict[str, Any]], case: str) -> None:
    """A day that its own age would call settling is called by what as many days had when they were as old."""
    assert young[f"called: {case}"]["settledness"] == CALLED[case][-1]


@pytest.mark.parametrize("case", MEASURED)
def test_what_counts_as_measured(young: dict[str, dict[str, Any]], case: str) -> None:
    """Measured is a day that was read after its end and again later; it has changed if any amount has, by anything."""
    assert young[f"measured: {case}"]["settledness"] == MEASURED[case][-1]


@pytest.mark.parametrize("completeness", KNOWN)
def test_what_the_run_knows_comes_first(young: dict[str, dict[str, Any]], completeness: str) -> None:
    """A day that was not over, or lacks amounts, is provisional; one that can change no more is final."""
    day = young[f"known: {completeness}"]
    assert (day["settledness"], day["completeness"], day["generation"]) == (KNOWN[completeness], completeness, 2)
    assert (day["age_hours"], day["changes"]) == (7, 2)


@pytest.fixture(scope="module")
def bounded(session_cloud: Local) -> Local:
    """A cloud with a dataset in which an org has days of long ago alone."""
    fill(session_cloud, BOUNDED)
    reads: Reads = [(6, "2", "settling"), (7, "3", "final")]
    history = [each for back in (200, 300) for each in found(TODAY - timedelta(days=back), reads)]
    load_histories(session_cloud, BOUNDED, {"acme": history})
    return session_cloud


@pytest.mark.parametrize("view", ["cost_changes", "settledness"])
def test_a_bound_reads_those_days_alone(bounded: Local, view: str) -> None:
    """A bound on `usage_date` is one on the table's partitions, by Google's analyzer and by the bytes that are read."""
    assert sources(gate("org"), inlined(view), "usage_date") == {"day_history.usage_date"}

    def bytes_of(days: int) -> int:
        sql = f"SELECT * FROM {BOUNDED}.{view} WHERE usage_date >= '{TODAY - timedelta(days=days)}'"
        config = QueryJobConfig(dry_run=True, use_query_cache=False)
        return int(clients.bigquery(bounded.settings).query(sql, job_config=config).total_bytes_processed)

    assert 0 == bytes_of(100) < bytes_of(250) < bytes_of(350)


def test_both_views_measure_at_the_same_hours() -> None:
    """The hours that a day is compared at are those that the curve has: another one would find nothing there."""
    curve, days = (
        re.findall(r"UNNEST\((\[[\d, ]+\])\)", select_of(name)) for name in ("restatement_curve", "settledness")
    )
    assert curve == days
    assert len(curve) == 1
