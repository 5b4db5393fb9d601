"""The steps of `aqua.usage_cost`."""

from typing import Literal

from pydantic import Field

from cloudact.pipelines.steps import ProcessorSteps, StepKind, StepType
from providers.steps import ReconcileConfig, ReportsConfig, TablesConfig


class AquaExtract(ReportsConfig):
    """Which reports of the account's usage and costs are read."""

    reports: tuple[Literal["usage", "costs"], ...] = Field(min_length=1)


class AquaLoad(TablesConfig):
    """The tables of Aqua."""

    target_tables: tuple[Literal["aqua_usage_daily_raw"], Literal["aqua_cost_daily_raw"]]


STEPS = ProcessorSteps(
    "aqua.usage_cost",
    (
        StepKind("extract", "reports", StepType.REPORTS, AquaExtract),
        StepKind("reconcile", "tolerance", StepType.RECONCILE, ReconcileConfig, required=False),
        StepKind("load", "target_tables", StepType.LOAD, AquaLoad),
    ),
)
