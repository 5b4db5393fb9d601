"""One pipeline's config: its steps, in both shapes that the seeds use. Knows no processor's inside.

New shape:   {name, processor: gcp.bq_etl, config: {…}}
Older shape: {name, type: bigquery_query | sql_transform | bigquery_load, …keys inline}, always of gcp.bq_etl
"""

import string
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from cloudact.yaml_files import Strict, read_model

PLACEHOLDERS = ("org_slug", "org_dataset", "source_project", "source_dataset", "source_table")

Integration = Literal["GCP_SA", "OPENAI", "ANTHROPIC"]
Operation = Literal["aggregate_by_service", "filter_active_projects", "filter_date_range"]


OpenAiReport = Literal[
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
AnthropicReport = Literal["messages", "cost", "claude_code"]


class StepType(StrEnum):
    """What a step does; the older configs name their steps by it."""

    EXTRACT = "bigquery_query"
    TRANSFORM = "sql_transform"
    LOAD = "bigquery_load"
    REPORTS = "api_extract"
    RECONCILE = "reconcile"


class _Templated(Strict):
    """Strings may hold `{placeholders}`; they are checked when the file is read and filled in per run."""

    @field_validator("*", mode="after")
    @classmethod
    def _known_placeholders(cls, value: Any) -> Any:
        if isinstance(value, str):
            for _, name, _, _ in string.Formatter().parse(value):
                if name is not None and name not in PLACEHOLDERS:
                    raise ValueError(f"unknown placeholder {{{name}}}; allowed are {', '.join(PLACEHOLDERS)}")
        return value

    def filled(self, values: Mapping[str, str]) -> Self:
        """The same config with every placeholder replaced."""
        return self.model_copy(
            update={k: v.format(**values) for k, v in self.model_dump().items() if isinstance(v, str)}
        )


class ExtractConfig(_Templated):
    """Where the rows are."""

    source_project: str = "{source_project}"
    source_dataset: str = "{source_dataset}"
    source_table: str


class TransformConfig(_Templated):
    """What is done to them, where they are."""

    operations: tuple[Operation, ...] = Field(min_length=1)


class LoadConfig(_Templated):
    """Where they go; a run always replaces its date's partition, so no other disposition exists."""

    target_dataset: str = "{org_dataset}"
    target_table: Literal["gcp_billing_daily_raw"]
    write_disposition: Literal["WRITE_TRUNCATE"] = "WRITE_TRUNCATE"


class _Reports(Strict):
    @field_validator("reports", mode="after", check_fields=False)
    @classmethod
    def _each_once(cls, reports: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(reports)) != len(reports):
            raise ValueError("each report is read once; one stands twice")
        return reports


class OpenAiExtract(_Reports):
    """Which reports of the organization's usage and costs are read."""

    reports: tuple[OpenAiReport, ...] = Field(min_length=1)


class AnthropicExtract(_Reports):
    """Which reports of the organization's usage and costs are read."""

    reports: tuple[AnthropicReport, ...] = Field(min_length=1)


class ReconcileConfig(Strict):
    """How far the rows' sum may be from the provider's own total, in the currency, before it is a warning."""

    tolerance: Decimal = Field(ge=0)


class _TablesLoad(_Templated):
    """Where the reports go, always in this order: the costs last, so that a failed run leaves the money as it was."""

    target_dataset: Literal["{org_dataset}"] = "{org_dataset}"


class OpenAiLoad(_TablesLoad):
    """The tables of OpenAI."""

    target_tables: tuple[Literal["openai_usage_daily_raw"], Literal["openai_cost_daily_raw"]]


class AnthropicLoad(_TablesLoad):
    """The tables of Anthropic."""

    target_tables: tuple[
        Literal["anthropic_usage_daily_raw"],
        Literal["anthropic_claude_code_daily_raw"],
        Literal["anthropic_cost_daily_raw"],
    ]


StepConfig = (
    ExtractConfig
    | TransformConfig
    | LoadConfig
    | OpenAiExtract
    | AnthropicExtract
    | ReconcileConfig
    | OpenAiLoad
    | AnthropicLoad
)
Kinds = Mapping[str, tuple[StepType, type[StepConfig]]]
# What a processor's steps are, by the key that marks each of them.
_STEPS_OF: Mapping[str, Kinds] = {
    "gcp.bq_etl": {
        "source_table": (StepType.EXTRACT, ExtractConfig),
        "operations": (StepType.TRANSFORM, TransformConfig),
        "target_table": (StepType.LOAD, LoadConfig),
    },
    "openai.usage_cost": {
        "reports": (StepType.REPORTS, OpenAiExtract),
        "tolerance": (StepType.RECONCILE, ReconcileConfig),
        "target_tables": (StepType.LOAD, OpenAiLoad),
    },
    "anthropic.usage_cost": {
        "reports": (StepType.REPORTS, AnthropicExtract),
        "tolerance": (StepType.RECONCILE, ReconcileConfig),
        "target_tables": (StepType.LOAD, AnthropicLoad),
    },
}
_OLDER = dict(_STEPS_OF["gcp.bq_etl"].values())


class Step(Strict):
    """One step, whichever shape it was written in."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")
    processor: Literal["gcp.bq_etl", "openai.usage_cost", "anthropic.usage_cost"] = "gcp.bq_etl"
    type: StepType
    config: StepConfig

    @model_validator(mode="before")
    @classmethod
    def _either_shape(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            raise ValueError("a step is a mapping with name, processor and config")
        if isinstance(raw.get("config"), Strict):
            return raw
        return _new_shape(raw) if "processor" in raw or "config" in raw else _older_shape(raw)


def _new_shape(raw: dict[str, Any]) -> dict[str, Any]:
    kinds = _STEPS_OF.get(str(raw.get("processor")))
    if kinds is None:
        raise ValueError(f"processor must be one of {', '.join(_STEPS_OF)}")
    config = raw.get("config")
    marks = [mark for mark in kinds if isinstance(config, dict) and mark in config]
    if len(marks) != 1:
        raise ValueError(f"config must hold exactly one of {', '.join(kinds)}")
    kind, model = kinds[marks[0]]
    return {**raw, "type": kind, "config": _typed(kind, model, config)}


def _older_shape(raw: dict[str, Any]) -> dict[str, Any]:
    if raw.get("type") not in list(_OLDER):
        raise ValueError(f"needs processor and config, or a type that is one of {', '.join(_OLDER)}")
    kind = StepType(raw["type"])
    inline = {key: value for key, value in raw.items() if key not in ("name", "type")}
    if kind is StepType.EXTRACT and "source_dataset" not in inline and "." in str(inline.get("source_table")):
        inline["source_dataset"], inline["source_table"] = str(inline["source_table"]).rsplit(".", 1)
    return {"name": raw.get("name"), "type": kind, "config": _typed(kind, _OLDER[kind], inline)}


def _typed(kind: StepType, model: type[StepConfig], config: Any) -> Any:
    unknown = sorted(set(config) - set(model.model_fields))
    if unknown:
        raise ValueError(
            f"unknown key {', '.join(unknown)} in a {kind} step; allowed are {', '.join(model.model_fields)}"
        )
    try:
        return model.model_validate(config)
    except ValidationError as err:  # flattened, so that the outer error names the step and this one the key
        raise ValueError("; ".join(f"config.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())) from err


class Parameter(Strict):
    """A parameter that a client may pass."""

    name: Literal["date"]
    type: Literal["string"]
    required: bool = False
    default: str | None = None
    description: str = ""


class Header(Strict):
    """What the file is about."""

    name: str
    description: str
    version: str = "1.0"


class PipelineConfig(Strict):
    """One file under `configs/<provider>/`."""

    pipeline: Header
    required_integrations: tuple[Integration, ...] = ()
    parameters: tuple[Parameter, ...] = (Parameter(name="date", type="string", default="yesterday"),)
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_step_once(self) -> Self:
        names = [step.name for step in self.steps]
        if len(names) != len(set(names)):
            raise ValueError(f"step names must differ, found {', '.join(names)}")
        return self


def read_pipeline(path: Path) -> PipelineConfig:
    """One pipeline's config, or a `ConfigError` that names file and key."""
    return read_model(path, PipelineConfig)
