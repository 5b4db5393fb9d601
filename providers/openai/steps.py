"""The steps of `openai.usage_cost`."""

from typing import Literal

from pydantic import Field

from cloudact.pipelines.steps import ProcessorSteps, StepKind, StepType
from providers.steps import ReconcileConfig, ReportsConfig, TablesConfig

Report = Literal[
    "completions",
    "decisions",
    "embeddings",
    "moderations",
    "images",
    "audio_speeches",
    "audio_transcriptions",
    "vector_stores",
    "code_interpreter_sessions",
    "file_search_calls",
    "web_search_calls",
    "costs",
]


class OpenAiExtract(ReportsConfig):
    """The config of `extract`: which reports of the organization's usage and costs are read."""

    reports: tuple[Report, ...] = Field(min_length=1)


class OpenAiLoad(TablesConfig):
    """The config of `load`: the tables of OpenAI."""

    target_tables: tuple[Literal["openai_usage_daily_raw"], Literal["openai_cost_daily_raw"]]


STEPS = ProcessorSteps(
    "openai.usage_cost",
    (
        StepKind("extract", "reports", StepType.REPORTS, OpenAiExtract),
        StepKind("reconcile", "tolerance", StepType.RECONCILE, ReconcileConfig, required=False),
        StepKind("load", "target_tables", StepType.LOAD, OpenAiLoad),
    ),
)
