"""The view `focus_billing_periods`: a month is closed once every day of it is final, and stays so whatever comes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from cloudact.warehouse.datasets import claim_org_dataset
from focus.model import load_model
from tests.conftest import Local
from tests.day_histories import Found, History, after, fill_with_metadata, in_turn, load_histories, settled
from tests.googlesql import gate

DATASET = "billing_periods"
MONTH, END = date(2026, 2, 1), date(2026, 3, 1)
FINAL = {"final", "frozen"}


class Periods:
    """Histories of orgs in one dataset, and their billing periods."""

    def __init__(self, local: Local) -> None:
        self.local = local
        claim_org_dataset(local.warehouse, DATASET)
        fill_with_metadata(local.warehouse, DATASET)

    def add(self, histories: dict[str, History]) -> None:
        load_histories(self.local, DATASET, histories)

    def of(self, history: History) -> list[dict[str, Any]]:
        """The periods of one history, in turn."""
        slug = f"org{next(self.local.numbers)}"
        self.add({slug: history})
        sql = f"SELECT * FROM {DATASET}.focus_billing_periods WHERE x_OrgSlug = '{slug}' ORDER BY BillingPeriodStart"
        return self.local.query(sql)

    def february(self, history: History) -> dict[str, Any]:
        return next(row for row in self.of(history) if row["BillingPeriodStart"].date() == MONTH)


@pytest.fixture(scope="module")
def periods(session_cloud: Local) -> Periods:
    return Periods(session_cloud)


LAST = END - timedelta(days=1)
WHOLE = in_turn(settled(MONTH, LAST))
BEFORE = [Found(MONTH - timedelta(days=1), after(MONTH, 0), "settling")]


def test_a_month_is_closed_by_its_last_final_day(periods: Periods) -> None:
    """It is open until the last of its days is final, and was last updated then; the names and bounds are FOCUS's."""
    row = periods.february(WHOLE)
    closed_at = after(LAST, 174)
    assert (row["BillingPeriodStatus"], row["x_ClosedAt"], row["BillingPeriodLastUpdated"]) == (
        "Closed", closed_at, closed_at,
    )  # fmt: skip
    assert (row["BillingPeriodCreated"], row["InvoiceIssuerName"]) == (after(MONTH, 6), "OpenAI")
    assert (row["BillingPeriodStart"].date(), row["BillingPeriodEnd"].date()) == (MONTH, END)
    assert (row["x_Days"], row["x_DaysFinal"]) == (28, 28)
    before = periods.february(WHOLE[:-1])
    assert (before["BillingPeriodStatus"], before["x_ClosedAt"], before["x_DaysFinal"]) == ("Open", None, 27)


def test_a_correction_after_that_opens_nothing(periods: Periods) -> None:
    """A later run that finds a day changed, lost in part, or settling again, leaves the month closed since then."""
    for completeness in ("settling", "partial", "provisional"):
        corrected = Found(MONTH + timedelta(days=3), after(LAST, 999), completeness, changed=True)
        row = periods.february([*WHOLE, corrected])
        assert (row["BillingPeriodStatus"], row["x_ClosedAt"]) == ("Closed", after(LAST, 174))
        assert row["x_LastChangedAt"] == row["BillingPeriodLastUpdated"] == corrected.at


@pytest.mark.parametrize(
    ("history", "status"),
    [
        (in_turn(settled(MONTH + timedelta(days=9), LAST)), "Closed"),
        (in_turn(settled(MONTH + timedelta(days=9), LAST), BEFORE), "Open"),
        ([*in_turn(settled(MONTH + timedelta(days=9), LAST)), Found(MONTH, after(END, 999), "settling")], "Closed"),
        ([found for found in WHOLE if found.day.day != 14], "Open"),
        ([found for found in WHOLE if found.day != LAST], "Open"),
        (in_turn(WHOLE, settled(MONTH, LAST, pipeline="openai_more")), "Closed"),
        (in_turn(WHOLE, [Found(MONTH, after(MONTH, 6), "settling", pipeline="openai_more")]), "Open"),
        ([*WHOLE, Found(MONTH, after(END, 999), "settling", pipeline="openai_more")], "Closed"),
        ([Found(each.day, after(MONTH, 1), "final") for each in WHOLE], "Open"),
    ],
    ids=[
        "connected on the tenth", "known before, and a gap", "loaded backwards after it was closed",
        "a day was missed", "the last day is missing", "two pipelines", "a second one is not final",
        "a pipeline that came later", "final before the month was over",
    ],
)  # fmt: skip
def test_which_days_a_month_has(periods: Periods, history: History, status: str) -> None:
    """All from the first that was known by then; each pipeline's own, and what comes after it was closed is none."""
    assert periods.february(history)["BillingPeriodStatus"] == status


def generated(seed: int) -> History:
    """A history in which much goes wrong: days missed, late, corrected, loaded backwards, by one pipeline or two."""
    chance = random.Random(seed)
    first = MONTH + timedelta(days=chance.choice([-3, -1, 0, 0, 0, 5, 12, 25]))
    found = list[Found]()
    for pipeline in ["a", "b"][: chance.choice([1, 1, 2])]:
        for back in range((END + timedelta(days=3) - first).days):
            day = first + timedelta(days=back)
            if chance.random() < 0.004:
                continue
            at = chance.choice([6.0, 6.0, 30.0, 900.0 if chance.random() < 0.1 else 7.0])
            last = chance.choice(["final"] * 8 + ["frozen"])
            found += [Found(day, after(day, at), "settling", True, pipeline)]
            if chance.random() < 0.995:
                found += [Found(day, after(day, at + 168), last, chance.random() < 0.3, pipeline)]
        for _ in range(chance.choice([0, 0, 1, 3])):
            day = MONTH + timedelta(days=chance.randrange(-2, 28))
            words = chance.choice(["settling", "partial", "final", "provisional"])
            found += [Found(day, after(END, chance.randrange(-200, 900)), words, True, pipeline)]
    return in_turn(found)


def closed_at(history: History) -> datetime | None:
    """When February was closed: told instant by instant, from what was known at each."""
    for instant in sorted({found.at for found in history}):
        known = [found for found in history if found.at <= instant]
        if instant >= after(LAST, 0) and any(found.day.month == 2 for found in known) and _complete(known):
            return instant
    return None


def _complete(known: Sequence[Found]) -> bool:
    for pipeline in {found.pipeline for found in known if found.day.month == 2}:
        own = [found for found in known if found.pipeline == pipeline]
        day = max(min(found.day for found in own), MONTH)
        final = {found.day for found in own if found.completeness in FINAL}
        if any(day + timedelta(days=back) not in final for back in range((END - day).days)):
            return False
    return True


def test_closed_is_closed_for_ever(periods: Periods) -> None:
    """Of generated histories, at any of their instants, the view says what a walk through time says; and a month that
    was closed at one instant is closed at all later ones, since the same instant."""
    histories = {f"h{seed}": generated(seed) for seed in range(40)}
    chance, cut = random.Random(7), dict[str, History]()
    for slug, history in histories.items():
        for length in sorted({len(history), *(chance.randrange(len(history) // 2, len(history)) for _ in range(4))}):
            cut[f"{slug}_{length:03}"] = history[:length]
    periods.add(cut)
    told = {
        row["x_OrgSlug"]: row["x_ClosedAt"]
        for row in periods.local.query(
            f"SELECT x_OrgSlug, x_ClosedAt FROM {DATASET}.focus_billing_periods "
            f"WHERE STARTS_WITH(x_OrgSlug, 'h') AND BillingPeriodStart = '{MONTH}'"
        )
    }
    assert told == {slug: closed_at(history) for slug, history in cut.items()}
    closed = sum(at is not None for at in told.values())
    assert 30 < closed < len(told) - 30, "histories of both kinds"
    for slug in histories:
        seen = [at for name, at in sorted(told.items()) if name.startswith(f"{slug}_") and at]
        assert len(set(seen)) <= 1
        open_after = [at for name, at in sorted(told.items()) if name.startswith(f"{slug}_")]
        assert open_after == sorted(open_after, key=lambda at: at is not None), slug


def test_the_static_rules_of_focus(periods: Periods) -> None:
    """Every static rule of the pinned model about the dataset BillingPeriod is met, by its own check."""
    periods.of(WHOLE)
    types = {column.name: column.type for column in gate("org").columns("focus_billing_periods")}
    rows = periods.local.query(f"SELECT * FROM {DATASET}.focus_billing_periods")
    checked = set()
    for rule in load_model().of_dataset("BillingPeriod").values():
        check, column = rule.check, str(rule.check.arguments.get("ColumnName"))
        if not (rule.active and rule.static and rule.id.startswith("BIP") and not rule.composite):
            continue
        checked.add(check.function)
        if check.function == "ColumnPresent":
            assert column in types, rule.id
        elif check.function in ("TypeDateTime", "TypeString"):
            assert types[column] == {"TypeDateTime": "TIMESTAMP", "TypeString": "STRING"}[check.function], rule.id
        elif check.function == "CheckNotValue":
            assert all(row[column] is not check.arguments["Value"] for row in rows), rule.id
        elif check.function == "CheckColumnComparison":
            first, second = (check.arguments[f"Column{name}Name"] for name in "AB")
            assert check.arguments["Comparator"] == ">="
            assert all(row[first] >= row[second] for row in rows), rule.id
        elif check.function == "OR":
            allowed = {item.arguments["Value"] for item in check.items}
            assert {row[check.items[0].arguments["ColumnName"]] for row in rows} <= allowed, rule.id
        else:  # a TIMESTAMP has one format, and our names are plain words
            assert check.function in ("FormatDateTime", "FormatString"), rule.id
    assert checked >= {"ColumnPresent", "TypeDateTime", "TypeString", "CheckNotValue", "CheckColumnComparison", "OR"}
