"""The statement of what an org has spent: GoogleSQL, bound to its days and org, and without a text of anybody's."""

from __future__ import annotations

from datetime import date

import pytest

from cloudact.budgets.statement import statement_of_spending
from cloudact.costs.labels import Label, labels_of
from tests.googlesql import gate

FIRST, LAST = date(2026, 9, 17), date(2026, 11, 12)
TWO = """[
    {"name": "team", "rules": [{"when": [{"dimension": "tag:team", "one_of": ["%s"]}], "value": "a"}, {"value": "b"}]},
    {"name": "env", "rules": [{"shares": [{"value": "prod", "share": "0.6"}, {"value": "dev", "share": "0.4"}]}]}
]"""


@pytest.mark.parametrize("labels", [(), labels_of(TWO % "x"), labels_of(TWO % "x")[:1]], ids=["none", "two", "one"])
@pytest.mark.parametrize("chosen", [None, ["1:a", "2:"]])
def test_google_accepts_it(labels: tuple[Label, ...], chosen: list[str] | None) -> None:
    """Google's own analyzer accepts it, and its parameters are those that are given."""
    query, values = statement_of_spending("an_org", FIRST, LAST, labels, chosen)
    assert gate("org").analyze(query.sql, query.types)
    assert query.bind(values)


def test_every_read_is_bound_to_days_and_org() -> None:
    """Each table and view is read under a bound on the column of its partitions, and for one org."""
    query, values = statement_of_spending("an_org", FIRST, LAST, labels_of(TWO % "x"))
    sql = query.sql
    assert sql.count("FROM focus_costs") == sql.count("x_UsageDate BETWEEN @first_day AND @last_day") == 1
    assert sql.count("FROM settledness") + sql.count("FROM loaded_days") + sql.count("FROM day_history") == 3
    assert sql.count("usage_date BETWEEN @") == 3
    assert sql.count("AND @seen_until") == 2
    seen = statement_of_spending("an_org", FIRST, LAST, seen_until=date(2026, 11, 20))[1]["seen_until"]
    assert (values["seen_until"], seen) == (LAST, date(2026, 11, 20))
    assert sql.count("org_slug = @org_slug") + sql.count("x_OrgSlug = @org_slug") == 4
    assert values["measured_from"] == date(2026, 9, 13)


def test_nothing_that_anybody_has_said_is_in_the_text() -> None:
    """Labels that differ in values alone, and other budgets of them, have one text."""
    texts = {
        statement_of_spending("an_org", FIRST, LAST, labels_of(TWO % text), [f"1:{text}"])[0].sql
        for text in ("one", "'); DROP TABLE x; --")
    }
    assert len(texts) == 1
