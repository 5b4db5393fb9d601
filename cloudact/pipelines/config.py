"""One pipeline's config: its parameters and its steps. A file that could not work, or not as it says, is refused.

A step is written in one of two shapes; a file may mix them:
    {name, processor: gcp.bq_etl, config: {…}}
    {name, type: bigquery_query | sql_transform | bigquery_load, …keys inline}, which are steps of gcp.bq_etl
"""

import datetime as dt
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from cloudact.pipelines.yaml_files import Strict, read_model, words

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


def _own_dataset(name: Any) -> Any:
    """`{org_slug}` is the older word for the org's dataset; any other dataset would hold rows of somebody else."""
    if name not in ("{org_dataset}", "{org_slug}"):
        raise ValueError('must be "{org_dataset}": a run writes into the dataset of its own org only')
    return "{org_dataset}"


TargetDataset = Annotated[str, BeforeValidator(_own_dataset)]


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

    target_dataset: TargetDataset = "{org_dataset}"
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

    target_dataset: TargetDataset = "{org_dataset}"


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


@dataclass(frozen=True)
class StepKind:
    """A step that a processor has: `mark` is the key by which its config is known."""

    word: str
    mark: str
    step_type: StepType
    config: type[StepConfig]
    required: bool = True

    def __str__(self) -> str:
        return f"{self.word} ({self.mark})" if self.required else f"{self.word} ({self.mark}; may be left out)"


@dataclass(frozen=True)
class ProcessorSteps:
    """What a pipeline of this processor consists of: its steps in their order, whose data, which integration."""

    provider: str
    integration: Integration
    kinds: tuple[StepKind, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.kinds))


PROCESSORS: Mapping[str, ProcessorSteps] = {
    "gcp.bq_etl": ProcessorSteps(
        provider="gcp",
        integration="GCP_SA",
        kinds=(
            StepKind("extract", "source_table", StepType.EXTRACT, ExtractConfig),
            StepKind("transform", "operations", StepType.TRANSFORM, TransformConfig),
            StepKind("load", "target_table", StepType.LOAD, LoadConfig),
        ),
    ),
    "openai.usage_cost": ProcessorSteps(
        provider="openai",
        integration="OPENAI",
        kinds=(
            StepKind("extract", "reports", StepType.REPORTS, OpenAiExtract),
            StepKind("reconcile", "tolerance", StepType.RECONCILE, ReconcileConfig, required=False),
            StepKind("load", "target_tables", StepType.LOAD, OpenAiLoad),
        ),
    ),
    "anthropic.usage_cost": ProcessorSteps(
        provider="anthropic",
        integration="ANTHROPIC",
        kinds=(
            StepKind("extract", "reports", StepType.REPORTS, AnthropicExtract),
            StepKind("reconcile", "tolerance", StepType.RECONCILE, ReconcileConfig, required=False),
            StepKind("load", "target_tables", StepType.LOAD, AnthropicLoad),
        ),
    ),
}
_OLDER = {kind.step_type: kind.config for kind in PROCESSORS["gcp.bq_etl"].kinds}


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
    processor = PROCESSORS.get(str(raw.get("processor")))
    if processor is None:
        raise ValueError(f"processor must be one of {', '.join(PROCESSORS)}")
    config = raw.get("config")
    marked = [kind for kind in processor.kinds if isinstance(config, dict) and kind.mark in config]
    if len(marked) != 1:
        raise ValueError(f"config must hold exactly one of {', '.join(kind.mark for kind in processor.kinds)}")
    kind = marked[0]
    return {**raw, "type": kind.step_type, "config": _typed(kind.step_type, kind.config, config)}


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
        raise ValueError("; ".join(f"config.{'.'.join(map(str, e['loc']))}: {words(e)}" for e in err.errors())) from err


class Parameter(Strict):
    """A parameter that a client may pass. `default` is the date of a trigger that names none."""

    name: Literal["date"]
    type: Literal["string"]
    required: bool = False
    default: Literal["yesterday", "today"] | None = None
    description: str = ""

    @model_validator(mode="after")
    def _either_required_or_default(self) -> Self:
        if self.required and self.default:
            raise ValueError(f"{self.name} is required, so it has no default; leave out one of the two")
        if not (self.required or self.default):
            raise ValueError(f"{self.name} is not required, so it needs a default: yesterday or today")
        return self

    def default_on(self, today: dt.date) -> dt.date | None:
        """The UTC date that the default stands for on this UTC day; `None` where the parameter is required."""
        match self.default:
            case "yesterday":
                return today - dt.timedelta(days=1)
            case "today":
                return today
            case None:
                return None


class Header(Strict):
    """What the file is about."""

    name: str
    description: str
    version: str = "1.0"


class PipelineConfig(Strict):
    """One file under `configs/<provider>/`."""

    pipeline: Header
    required_integrations: tuple[Integration, ...] = ()
    parameters: tuple[Parameter] = (Parameter(name="date", type="string", default="yesterday"),)
    steps: tuple[Step, ...] = Field(min_length=1)

    @field_validator("steps", mode="after")
    @classmethod
    def _steps_of_one_processor(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        names = [step.name for step in steps]
        if len(names) != len(set(names)):
            raise ValueError(f"step names must differ, found {', '.join(names)}")
        first = steps[0]
        for step in steps:
            if step.processor != first.processor:
                raise ValueError(
                    f"step {step.name} is of {step.processor}, but step {first.name} is of {first.processor}; "
                    "all steps of a file have the same processor"
                )
        _check_order(steps)
        return steps

    @property
    def processor(self) -> str:
        """The processor of all steps; it decides what runs."""
        return self.steps[0].processor

    @property
    def date(self) -> Parameter:
        """The one parameter that there is."""
        return self.parameters[0]


def _check_order(steps: Sequence[Step]) -> None:
    """A file that lacks a step, has one twice, or has them in another order could not load a day."""
    name = steps[0].processor
    processor = PROCESSORS[name]
    order = [kind.config for kind in processor.kinds]
    allowed = f"{name} has these steps, each once and in this order: {processor}"
    for kind in processor.kinds:
        found = [step.name for step in steps if type(step.config) is kind.config]
        if len(found) > 1:
            raise ValueError(f"steps {' and '.join(found)} are both {kind.word} steps; {allowed}")
        if kind.required and not found:
            raise ValueError(f"there is no {kind.word} step; {allowed}")
    for before, step in pairwise(steps):
        if order.index(type(step.config)) < order.index(type(before.config)):
            raise ValueError(f"step {before.name} stands before step {step.name}; {allowed}")


def read_pipeline(path: Path) -> PipelineConfig:
    """One pipeline's config, or a `ConfigError` that names file and key."""
    return read_model(path, PipelineConfig)
