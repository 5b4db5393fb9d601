"""The SQL of questions: Google's analyzer accepts each form, it is bounded, and has nothing of what is asked."""

from __future__ import annotations

import itertools
from datetime import date

import pytest

from functions.costs.question import (
    DIMENSIONS,
    Basis,
    Days,
    Dimension,
    Filter,
    Granularity,
    InvalidQuestion,
    Metric,
    Question,
    dimension,
)
from functions.costs.statement import every_word, query, statement_of_groups
from tests.googlesql import gate

MONTH = Days(date(2026, 10, 1), date(2026, 10, 31))
ALL = [Dimension(word) for word in (*DIMENSIONS, "tag:a", "tag:b", "tag:c")]
FORMS = [
    (basis, granularity, metric)
    for basis, granularity, metric in itertools.product(Basis, Granularity, Metric)
    if basis is Basis.USAGE or granularity is Granularity.MONTH
]


@pytest.mark.parametrize(("basis", "granularity", "metric"), FORMS)
def test_google_accepts_every_form(basis: Basis, granularity: Granularity, metric: Metric) -> None:
    """Every basis, granularity and metric gives the same columns."""
    sql, _ = statement_of_groups(Question(MONTH, granularity, basis, metric))
    columns = {column.name: column.type for column in gate("org").analyze(sql.sql, sql.types)}
    assert (columns["amount"], columns["period_start"], columns["place"]) == ("NUMERIC", "DATE", "INT64")


@pytest.mark.parametrize("first", range(len(ALL)))
def test_google_accepts_every_dimension(first: int) -> None:
    """Grouped by each dimension, with two others, and filtered by it both ways; exactly what is declared is given."""
    group_by = tuple((ALL * 2)[first : first + 3])
    filters = [Filter(each, ("x", ""), excluded) for each in group_by for excluded in (False, True)]
    sql, values = statement_of_groups(Question(MONTH, group_by=group_by, filters=tuple(filters), compared=True))
    assert gate("org").analyze(sql.sql, sql.types)
    assert sql.bind(values)


def test_a_question_names_the_columns_that_it_needs_alone() -> None:
    """BigQuery bills by the columns that a query names: what is not asked about is not named."""
    sql, _ = statement_of_groups(Question(MONTH, group_by=(Dimension("model"),)))
    named = {word for word in ("x_Model", "Tags", "SkuId", "ConsumedQuantity", "ListCost") if word in sql.sql}
    assert named == {"x_Model"}


def test_every_read_is_bound_to_days() -> None:
    """Each view of the org is read under a bound on the column of its partitions."""
    sql = query("groups", every_word("groups")).sql
    assert sql.count("x_UsageDate BETWEEN @first_day AND @last_day") == sql.count("FROM focus_costs") == 1
    assert sql.count("usage_date BETWEEN @counted_from AND @end") == 2
    assert sql.count("FROM settledness") + sql.count("FROM loaded_days") == 2


def test_nothing_that_is_asked_is_in_the_text() -> None:
    """Two questions that differ in days, values, tags and limits have one text."""
    texts = set()
    for text in ("one", "'); DROP TABLE x; --"):
        tags = Dimension(f"tag:{text}")
        filters = (Filter(Dimension("model"), (text,)), Filter(tags, (text,), excluded=True))
        days = Days(date(2026, 10, len(text)), date(2026, 11, len(text)))
        texts.add(statement_of_groups(Question(days, group_by=(tags,), filters=filters, limit=len(text)))[0].sql)
    assert len(texts) == 1


def test_invoices_are_looked_for_around_their_months() -> None:
    """A month of invoices has charges of days before it, and of hours after it: a bounded window is read."""
    _, values = statement_of_groups(Question(MONTH, Granularity.MONTH, Basis.INVOICE_MONTH, compared=True))
    assert (values["first_day"], values["last_day"]) == (date(2026, 7, 1), date(2026, 11, 7))
    assert (values["counted_from"], values["start"], values["end"]) == (date(2026, 9, 1), MONTH.first, MONTH.last)


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ("2026-10-01", "2026-10-31", "2026-09-01 2026-09-30"),
        ("2026-01-01", "2026-03-31", "2025-10-01 2025-12-31"),
        ("2024-02-01", "2024-02-29", "2024-01-01 2024-01-31"),
        ("2026-10-01", "2026-10-30", "2026-09-01 2026-09-30"),
        ("2026-10-31", "2026-10-31", "2026-10-30 2026-10-30"),
    ],
)
def test_the_days_before(first: str, last: str, before: str) -> None:
    """Whole months are compared with as many whole months, other days with as many days directly before."""
    days = Days(date.fromisoformat(first), date.fromisoformat(last)).before
    assert f"{days.first} {days.last}" == before


def test_a_label_is_no_dimension_yet() -> None:
    """Labels do not exist: nobody gets an answer that looks as if they did."""
    with pytest.raises(InvalidQuestion, match="names a label"):
        dimension("group_by", "label:team")
