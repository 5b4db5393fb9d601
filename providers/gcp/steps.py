"""The steps of `gcp.bq_etl`; steps of the older shape, which name no processor, are these."""

from typing import Literal

from pydantic import Field

from cloudact.pipelines.steps import ProcessorSteps, StepKind, StepType, TargetDataset, Templated

Operation = Literal["aggregate_by_service", "filter_active_projects", "filter_date_range"]


class ExtractConfig(Templated):
    """Where the rows are."""

    source_project: str = "{source_project}"
    source_dataset: str = "{source_dataset}"
    source_table: str


class TransformConfig(Templated):
    """What is done to them, where they are."""

    operations: tuple[Operation, ...] = Field(min_length=1)


class LoadConfig(Templated):
    """Where they go; a run always replaces its date's partition, so no other disposition exists."""

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
