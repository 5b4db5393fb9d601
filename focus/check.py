"""The rules run over one org's costs of one month: what is counted in its warehouse, and the verdicts on that."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from cloudact.warehouse.bigquery import Warehouse
from focus.counts import TOTAL, VIEW, Count, Plan
from focus.documents import Document, judged
from focus.model import Model, Rule
from focus.verdicts import Facts, Finding, findings

_STANDARD_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


@dataclass(frozen=True)
class Days:
    """Days that are checked, both included."""

    first: date
    last: date

    @classmethod
    def of_month(cls, month: date) -> "Days":
        """All days of the month in which a day lies."""
        first = month.replace(day=1)
        return cls(first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1))


@dataclass(frozen=True)
class Report:
    """Findings on all rules of the dataset by id, in the model's order, and the number of rows they are about."""

    findings: Mapping[str, Finding]
    rows: int


@dataclass(frozen=True)
class Checker:
    """Checks costs against a model; `criteria` are those that one of the providers meets."""

    warehouse: Warehouse
    model: Model
    criteria: Collection[str]

    def check(self, dataset: str, days: Days, types: Mapping[str, str]) -> Report:
        """Report on `focus_costs` in a dataset, whose columns have these GoogleSQL types.

        Raises `Retry` where BigQuery cannot be reached. A refusal of BigQuery's passes through, as an exception of
        Google's client library.
        """
        rules = self.model.of_dataset()
        plan = Plan(rules, types)
        counts, rows = self._counts(plan, dataset, days)
        found = findings(Facts(rules, self.criteria, counts, rows, plan.unknown()))
        return Report({rule_id: found[rule_id] for rule_id in self.model.rules if rule_id in found}, rows)

    def _counts(self, plan: Plan, dataset: str, days: Days) -> tuple[dict[str, Count], int]:
        counts, rows = {**plan.presence(), **plan.without_columns()}, 0
        for counted in plan.statements():
            values = {**counted.values, "first_day": days.first, "last_day": days.last}
            (row,) = self.warehouse.answer(counted.query, dataset, **values)
            rows = max(rows, row.get(TOTAL, 0))
            for rule_id, names in counted.columns.items():
                counts[rule_id] = Count(*(row[name] for name in names))
        for rule in plan.documents():
            counts[rule.id] = self._of_documents(plan, rule, dataset, days)
        return counts, rows

    def _of_documents(self, plan: Plan, rule: Rule, dataset: str, days: Days) -> Count:
        query, values = plan.document_query(rule)
        found = self.warehouse.answer(query, dataset, **values, first_day=days.first, last_day=days.last)
        documents = (Document(row["document"], row["other"], row["included"], row["row_count"]) for row in found)
        return judged(rule.check, self.model.schemas, documents)


def column_types(warehouse: Warehouse, dataset: str) -> dict[str, str]:
    """GoogleSQL type of each column of `focus_costs` in a dataset; `GoogleRefusal` passes through, 404 for no view."""
    columns = warehouse.columns(dataset, VIEW)
    return {column.name: _STANDARD_TYPES.get(column.field_type, column.field_type) for column in columns}
