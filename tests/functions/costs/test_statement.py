"""The SQL of questions: Google's analyzer accepts each form, it is bounded, and has nothing of what is asked."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import cache

import pytest

from cloudact.anomalies.cost_days import Window
from cloudact.budgets.statement import statement_of_spending
from cloudact.costs.dimensions import DIMENSIONS, Dimension, InvalidQuestion, dimension
from cloudact.costs.labels import Label, labels_of
from cloudact.warehouse.queries import Query, load_query
from functions.costs.question import Basis, Compared, Days, Filter, Granularity, Metric, Question, Rows
from functions.costs.statement import (
    every_word,
    query,
    statement_at_once,
    statement_of_groups,
    statement_of_rows,
    statement_of_trial,
)
from tests.googlesql import gate

MONTH = Days(date(2026, 10, 1), date(2026, 10, 31))
ALL = [Dimension(word) for word in (*DIMENSIONS, "tag:a", "tag:b", "tag:c")]
FORMS = [(Basis.USAGE, each) for each in Granularity] + [(Basis.INVOICE_MONTH, Granularity.MONTH)]
COSTS = {Metric.EFFECTIVE: "EffectiveCost", Metric.LIST: "ListCost", Metric.CONTRACTED: "ContractedCost"}
MONEY = "    BillingCurrency AS currency,\n    CAST(NULL AS STRING) AS unit,\n    BilledCost AS amount,\n"
CONSUMED = "    CAST(NULL AS STRING) AS currency,\n    ConsumedUnit AS unit,\n    ConsumedQuantity AS amount,\n"

Columns = tuple[tuple[str, str], ...]


def accepted(query: Query) -> dict[str, str]:
    """Types of the columns that Google's analyzer says the query has, by their names."""
    return dict(columns_of(query))


def columns_of(query: Query) -> Columns:
    """Names and types of the columns in their order, each as often as the query gives it."""
    return _accepted(query.sql, tuple(query.types.items()))


@cache
def _accepted(sql: str, types: tuple[tuple[str, str], ...]) -> Columns:
    return tuple((column.name, column.type) for column in gate("org").analyze(sql, dict(types)))


def columns_of_the_view() -> Columns:
    return _accepted("SELECT * FROM focus_costs", ())


@pytest.mark.parametrize(("basis", "granularity"), FORMS)
def test_google_accepts_every_form(basis: Basis, granularity: Granularity) -> None:
    """Every basis, granularity and metric gives the same columns; costs differ in the summed column of the view."""
    sqls = {metric: statement_of_groups(Question(MONTH, granularity, basis, metric))[0] for metric in Metric}
    billed = sqls.pop(Metric.BILLED)
    for sql in (billed, sqls.pop(Metric.CONSUMED)):
        columns = accepted(sql)
        assert (columns["amount"], columns["period_start"], columns["place"]) == ("NUMERIC", "DATE", "INT64")
    assert {metric: (sql.sql, sql.types) for metric, sql in sqls.items()} == {
        metric: (billed.sql.replace("BilledCost", column), billed.types) for metric, column in COSTS.items()
    }
    assert {dict(columns_of_the_view())[column] for column in ("BilledCost", *COSTS.values())} == {"NUMERIC"}


@pytest.mark.parametrize("first", [*range(0, len(ALL) - 3, 3), len(ALL) - 3])
def test_google_accepts_every_dimension(first: int) -> None:
    """Grouped by three dimensions and filtered by them both ways, up to the last; what is declared is given."""
    group_by = tuple(ALL[first : first + 3])
    filters = [Filter(each, ("x", ""), excluded) for each in group_by for excluded in (False, True)]
    sql, values = statement_of_groups(
        Question(MONTH, group_by=group_by, filters=tuple(filters), compared=Compared.PERIOD)
    )
    assert accepted(sql)
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
    _, values = statement_of_groups(Question(MONTH, Granularity.MONTH, Basis.INVOICE_MONTH, compared=Compared.PERIOD))
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


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ("2026-11-01", "2026-11-10", "2026-10-01 2026-10-10"),
        ("2026-10-01", "2026-10-31", "2026-09-01 2026-09-30"),
        ("2026-02-01", "2026-02-28", "2026-01-01 2026-01-31"),
        ("2026-03-01", "2026-03-30", "2026-02-01 2026-02-28"),
        ("2026-03-28", "2026-03-31", "2026-02-28 2026-02-28"),
        ("2028-03-29", "2028-03-31", "2028-02-29 2028-02-29"),
        ("2026-01-05", "2026-01-05", "2025-12-05 2025-12-05"),
    ],
)
def test_the_same_days_of_the_month_before(first: str, last: str, before: str) -> None:
    """As far as it has them; a whole month has the whole month before it. Days of two months have no such days."""
    days = Days(date.fromisoformat(first), date.fromisoformat(last))
    question = Question(days, compared=Compared.MONTH)
    assert question.previous
    assert f"{question.previous.first} {question.previous.last}" == before
    sql, values = statement_of_groups(question)
    assert accepted(sql)
    assert sql.bind(values)
    assert values["previous_end"] == question.previous.last
    with pytest.raises(InvalidQuestion, match="one month"):
        Question(Days(days.first, days.last + timedelta(days=31)), compared=Compared.MONTH)


@pytest.mark.parametrize(
    ("first", "last"), [("2026-03-29", "2026-03-31"), ("2026-03-30", "2026-03-30"), ("2026-05-31", "2026-05-31")]
)
def test_days_that_the_month_before_does_not_have(first: str, last: str) -> None:
    """None of them is compared with a day that is not the same."""
    with pytest.raises(InvalidQuestion, match="the month before has"):
        Question(Days(date.fromisoformat(first), date.fromisoformat(last)), compared=Compared.MONTH)


def labels(texts: str = "x") -> tuple[Label, ...]:
    """Four labels whose rules look at everything that there is, with this text wherever one is."""
    conditions = [{"dimension": each.word, "one_of": [texts, ""]} for each in ALL]
    conditions.append({"dimension": f"tag:{texts}", "starts_with": texts})
    rules = [{"when": [each], "value": texts} for each in conditions]
    shared = [{"value": f"{texts}{share}", "share": share} for share in ("0.1", "0.2", "0.7")]
    rules += [{"when": conditions[:2], "shares": shared}, {"when": [], "value": "rest"}]
    return labels_of(json.dumps([{"name": name, "rules": rules} for name in "abcd"]))


KNOWN = labels()


@pytest.mark.parametrize("with_tokens", [False, True])
@pytest.mark.parametrize("names", ["a", "ba", "cab"])
def test_google_accepts_labels(names: str, with_tokens: bool) -> None:
    """Grouped and filtered both ways by up to three labels, each rule over every dimension; of costs and quantities."""
    group_by = tuple(Dimension(f"label:{name}") for name in names)
    filters = tuple(Filter(each, ("x", ""), excluded) for each in group_by for excluded in (False, True))
    billed, consumed = (
        Question(MONTH, metric=metric, group_by=group_by, filters=filters, with_tokens=with_tokens, known_labels=KNOWN)
        for metric in (Metric.BILLED, Metric.CONSUMED)
    )
    (sql, values), (of_quantities, same) = statement_of_groups(billed), statement_of_groups(consumed)
    assert accepted(sql)
    assert (of_quantities.sql, of_quantities.types, same) == (sql.sql.replace(MONEY, CONSUMED), sql.types, values)
    assert sql.bind(values)
    assert [label.name for label in billed.labels] == [label.name for label in consumed.labels] == sorted(names)


def test_quantities_are_of_the_types_of_costs() -> None:
    """The lines of either are taken for the other's wherever they stand, so what Google says of one holds of both."""
    of_costs, of_quantities = (
        _accepted(f"SELECT {lines} x_UsageDate FROM focus_costs", ()) for lines in (MONEY, CONSUMED)
    )
    assert of_costs == of_quantities
    assert ("amount", "NUMERIC") in of_costs


@pytest.mark.parametrize("is_allocated", [False, True])
def test_google_accepts_rows(is_allocated: bool) -> None:
    """Rows have the columns of the view, whether a label allocates them or not; filtered both ways, of one read."""
    filters = tuple(Filter(each, ("x", ""), excluded) for each in ALL for excluded in (False, True))
    sql, values = statement_of_rows(Rows(MONTH, filters, labels()[0] if is_allocated else None, 7))
    assert columns_of(sql) == columns_of_the_view()
    assert sql.bind(values)
    assert sql.sql.count("x_UsageDate BETWEEN @first_day AND @last_day") == sql.sql.count("FROM focus_costs") == 1


def test_every_amount_is_allocated() -> None:
    """Of a charge that is split, each number that can be summed is split; prices are as they were."""
    sql, _ = statement_of_rows(Rows(MONTH, (), labels()[0], 7))
    numbers = {name for name, kind in columns_of_the_view() if kind == "NUMERIC"}
    split = {name for name in numbers if f"AS NUMERIC) AS {name}," in sql.sql}
    assert numbers - split == {
        "ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice",
    }  # fmt: skip
    assert sql.sql.count("AS NUMERIC) AS ") == len(split) + 2  # and both bounds of a part


def test_google_accepts_a_trial() -> None:
    """All labels at once, one of which there is not yet: one read of the days."""
    sql, values = statement_of_trial(MONTH, [None, *labels()])
    assert sorted(columns_of(sql)) == [
        ("amount", "NUMERIC"), ("currency", "STRING"), ("number", "INT64"), ("value", "STRING"),
    ]  # fmt: skip
    assert sql.bind(values)
    assert sql.sql.count("x_UsageDate BETWEEN @first_day AND @last_day") == sql.sql.count("FROM focus_costs") == 1


@pytest.mark.parametrize("with_spending", [False, True])
def test_google_accepts_all_at_once(*, with_spending: bool) -> None:
    """What an overview asks is one statement: a column with a struct for each part, and the parameters of all."""
    window, question = Window.ending(MONTH.last, 30), Question(MONTH, group_by=(Dimension("model"),))
    cells = load_query("cost_cells"), window.values("an_org")
    spending = statement_of_spending("an_org", MONTH.first, MONTH.last, labels(), ["1:x"]) if with_spending else None
    sql, values = statement_at_once(question, cells, spending)
    columns = columns_of(sql)
    assert [name for name, _ in columns] == ["answer", *(["spent"] if with_spending else []), "cell"]
    assert all(kind.startswith("STRUCT<part STRING") for _, kind in columns)
    assert sql.bind(values)
    assert (values["first_day"], values["cells_first_day"]) == (MONTH.first, window.first)


def test_nothing_of_a_label_is_in_the_text() -> None:
    """Rules that differ in values, tags and names have one text; a question without labels has none of them."""
    hostile = "'); DROP TABLE x; -- with labels"
    texts = set()
    for text in ("one", hostile):
        known = labels(text)
        question = Question(MONTH, group_by=(Dimension("label:b"),), known_labels=known)
        rows = statement_of_rows(Rows(MONTH, (), known[1], 1))[0].sql
        texts.add((statement_of_groups(question)[0].sql, statement_of_trial(MONTH, known)[0].sql, rows))
    assert len(texts) == 1
    assert "label_part" not in statement_of_groups(Question(MONTH))[0].sql


def test_labels_that_are_not_there_are_no_dimensions() -> None:
    """Nobody gets an answer that looks as if there were such a label; each of four labels would split all charges."""
    for word in ("label:team", "label:Team", "label:"):
        with pytest.raises(InvalidQuestion, match=r"names (a|the) label"):
            Question(MONTH, group_by=(dimension("group_by", word),), known_labels=labels())
    four = tuple(Filter(Dimension(f"label:{name}"), ("x",)) for name in "abcd")
    with pytest.raises(InvalidQuestion, match="label may be of up to 3 labels"):
        Question(MONTH, filters=four, known_labels=labels())
