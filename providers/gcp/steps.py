"""The steps of `gcp.bq_etl`; steps of the older shape, which name no processor, are these."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cloudact.pipelines.steps import ProcessorSteps, StepKind, StepType, TargetDataset, Templated
from cloudact.pipelines.yaml_files import Strict

_Name = Annotated[str, Field(pattern=r"^\S+$")]
Operation = Literal["aggregate_by_service", "filter_active_projects", "filter_date_range"]


class ExtractConfig(Templated):
    """The config of `extract`: the export's table."""

    placeholders: ClassVar[tuple[str, ...]] = (
        *Templated.placeholders,
        "source_project",
        "source_dataset",
        "source_table",
    )
    source_project: _Name = "{source_project}"
    source_dataset: _Name = "{source_dataset}"
    source_table: _Name


class TransformConfig(Strict):
    """The config of `transform`: what the query does in the customer's project."""

    operations: tuple[Operation, ...] = Field(min_length=1)


class LoadConfig(Strict):
    """The config of `load`. A run replaces its date's partition in its org's dataset; the keys cannot say otherwise."""

    target_dataset: TargetDataset = "{org_dataset}"
    target_table: Literal["gcp_billing_daily_raw"]
    write_disposition: Literal["WRITE_TRUNCATE"] = "WRITE_TRUNCATE"


STEPS = ProcessorSteps(
    "gcp.bq_etl",
    (
        StepKind("extract", "source_table", StepType.EXTRACT, ExtractConfig),
        StepKind("transform", "operations", StepType.TRANSFORM, TransformConfig),
        StepKind("load", "target_table", StepType.LOAD, LoadConfig),
    ),
    older_shape=True,
)
