"""The steps of `anthropic.usage_cost`."""

from typing import Literal

from pydantic import Field

from cloudact.pipelines.steps import ProcessorSteps, StepKind, StepType
from providers.steps import ReconcileConfig, ReportsConfig, TablesConfig

Report = Literal["messages", "cost", "claude_code"]


class AnthropicExtract(ReportsConfig):
    """The config of `extract`: which reports of the organization's usage and costs are read."""

    reports: tuple[Report, ...] = Field(min_length=1)


class AnthropicLoad(TablesConfig):
    """The config of `load`: the tables of Anthropic."""

    target_tables: tuple[
        Literal["anthropic_usage_daily_raw"],
        Literal["anthropic_claude_code_daily_raw"],
        Literal["anthropic_cost_daily_raw"],
    ]


STEPS = ProcessorSteps(
    "anthropic.usage_cost",
    (
        StepKind("extract", "reports", StepType.REPORTS, AnthropicExtract),
        StepKind("reconcile", "tolerance", StepType.RECONCILE, ReconcileConfig, required=False),
        StepKind("load", "target_tables", StepType.LOAD, AnthropicLoad),
    ),
)
