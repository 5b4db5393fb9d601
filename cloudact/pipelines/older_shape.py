"""Steps as older configs write them: `{name, type: bigquery_query | sql_transform | bigquery_load, …keys inline}`.

They name no processor: they are steps of the one whose provider declares `older_shape`.
"""

from collections.abc import Mapping

from cloudact.pipelines.steps import ProcessorSteps, StepKind, StepType


def read_older(raw: Mapping[str, object], processor: ProcessorSteps | None) -> tuple[StepKind, Mapping[str, object]]:
    """The kind and the config of one step. Raises `ValueError` that says which types there are."""
    kinds = {kind.step_type: kind for kind in processor.kinds} if processor else {}
    if raw.get("type") not in list(kinds):
        types = f", or a type that is one of {', '.join(kinds)}" if kinds else ""
        raise ValueError(f"needs processor and config{types}")
    kind = kinds[StepType(str(raw["type"]))]
    config = {key: value for key, value in raw.items() if key not in ("name", "type")}
    if kind.step_type is StepType.EXTRACT and "source_dataset" not in config:
        dataset, _, table = str(config.get("source_table")).rpartition(".")
        config |= {"source_dataset": dataset, "source_table": table} if dataset else {}
    return kind, config
