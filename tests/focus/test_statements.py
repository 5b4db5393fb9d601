"""The statements that count: valid GoogleSQL, bounded by days, small, with values as parameters."""

import re
from collections.abc import Mapping

import pytest

from cloudact.warehouse.queries import Query
from focus.check import Checker, Days
from focus.checks import BROKEN, Parameters, Scope, broken, holds
from focus.counts import Count, Plan
from focus.model import Check, Model
from tests.conftest import Local
from tests.focus import wild
from tests.focus.conftest import MakeTable
from tests.googlesql import GoogleSql, gate

DAYS = "x_UsageDate BETWEEN @first_day AND @last_day"


def today() -> dict[str, str]:
    """The columns of the view that ships."""
    return {column.name: column.type for column in gate("org").columns("focus_costs")}


def catalog(types: Mapping[str, str]) -> GoogleSql:
    """A catalog whose `focus_costs` has these columns."""
    schema = [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in types.items()]
    return GoogleSql().add_schema("focus_costs", schema)


def every_query(plan: Plan) -> list[Query]:
    """All that a check asks."""
    return [each.query for each in plan.statements()] + [plan.document_query(rule)[0] for rule in plan.documents()]


@pytest.mark.parametrize("all_columns", [False, True])
def test_google_accepts_every_statement(model: Model, all_columns: bool) -> None:
    """Google's analyzer takes all statements, over the view that ships and over every column of the model."""
    types = wild.types(model) if all_columns else today()
    queries = every_query(Plan(model.of_dataset(), types))
    for query in queries:
        assert catalog(types).analyze(query.sql, query.types)
    assert len(queries) >= (6 if all_columns else 3)


def test_every_statement_reads_these_days_alone(model: Model) -> None:
    """Each read of the view is bounded by the partitioning column."""
    for query in every_query(Plan(model.of_dataset(), wild.types(model))):
        assert query.sql.count("FROM focus_costs") == query.sql.count(DAYS) > 0


def test_values_are_parameters(model: Model) -> None:
    """No value of the model stands in a statement's text: nothing is quoted but the mode of a function."""
    for query in every_query(Plan(model.of_dataset(), wild.types(model))):
        assert set(re.findall(r"'[^']*'|\"[^\"]*\"", query.sql)) <= {"'round'"}


def test_statements_stay_small(model: Model) -> None:
    """A statement is far below BigQuery's megabyte and thousand columns, and there are few of them."""
    statements = list(Plan(model.of_dataset(), wild.types(model)).statements())
    assert len(statements) < 10
    for each in statements:
        assert len(each.query.sql.encode()) < 100_000
        assert each.query.sql.count("COUNTIF(") < 250


def test_every_check_function_can_be_a_condition() -> None:
    """Each function of a single row is valid GoogleSQL as a requirement and as a condition, for text and numbers."""
    one = {"ColumnName": "Text", "Value": "a", "Pattern": "^a$"}
    two = {"ColumnAName": "Number", "ColumnBName": "Number", "ResultColumnName": "Number", "Comparator": ">="}
    for function in BROKEN:
        pair = function in ("CheckColumnComparison", "CheckSameValue", "ColumnByColumnEqualsColumnValue")
        number = {"ColumnName": "Number", "Value": 0} if "Than" in function else one
        items = (Check("CheckValue", one), Check("CheckNotValue", one)) if function in ("AND", "OR") else ()
        check = Check(function, two if pair else number, items)
        scope = Scope({"Text": "STRING", "Number": "NUMERIC", "x_UsageDate": "DATE"}, Parameters(), as_written=True)
        sql = f"SELECT {broken(check, scope)} AS b, {holds(check, scope)} AS h FROM focus_costs"
        assert [each.type for each in catalog(scope.types).analyze(sql, scope.parameters.types)] == ["BOOL", "BOOL"]


@pytest.mark.parametrize(
    ("cost", "official", "as_written"),
    [
        ("0.999999999", 0, 1),
        ("0.999999998", 1, 1),
        ("1", 0, 0),
        ("1000000.001", 0, 1),
        ("1000000.0011", 1, 1),
        ("3.000000003", 0, 1),
        ("2.000000003", 1, 1),
    ],
)
def test_products_have_the_tolerance_of_the_validator(
    model: Model, made: MakeTable, local: Local, cost: str, official: int, as_written: int
) -> None:
    """A product may miss its result by 1e-9, from 1 on by that part of it; as the rule is written it may not."""
    price = str(round(float(cost)))
    types = {"x_UsageDate": "DATE", "ListCost": "NUMERIC", "ListUnitPrice": "NUMERIC", "PricingQuantity": "NUMERIC"}
    row = {"x_UsageDate": wild.DAY, "ListCost": cost, "ListUnitPrice": price, "PricingQuantity": "1"}
    dataset = made(f"focus_product_{cost.replace('.', '_')}", types, [row])
    report = Checker(local.warehouse, model, []).check(dataset, Days.of_month(wild.MONTH), types)
    assert report.findings["CAU-ListCost-C-011-C"].count == Count(official, 1, as_written)
