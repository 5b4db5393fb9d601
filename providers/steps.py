"""Steps that providers of reports have in common: which are read, how they are reconciled, where they go."""

from decimal import Decimal

from pydantic import Field, field_validator

from cloudact.pipelines.steps import TargetDataset
from cloudact.pipelines.yaml_files import Strict


class ReportsConfig(Strict):
    """The config of `extract`. A provider's own model has the field `reports`, with the names that it knows."""

    @field_validator("reports", mode="after", check_fields=False)
    @classmethod
    def _each_once(cls, reports: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(reports)) != len(reports):
            raise ValueError("each report is read once; one stands twice")
        return reports


class ReconcileConfig(Strict):
    """The config of `reconcile`: how far, in the currency, the rows' sum may be from the provider's total unwarned."""

    tolerance: Decimal = Field(ge=0)


class TablesConfig(Strict):
    """The config of `load`: the tables in their order, costs last, so that a failed run leaves the money as it was.

    A provider's own model has the field `target_tables`, with its tables in their order.
    """

    target_dataset: TargetDataset = "{org_dataset}"
