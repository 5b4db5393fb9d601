"""One pipeline's config: its parameters and its steps. A file that could not work, or not as it says, is refused.

A step is written as `{name, processor, config: {…}}`, or in the older shape (`older_shape.py`); a file may mix the two.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from cloudact.pipelines.older_shape import read_older
from cloudact.pipelines.steps import ProcessorSteps, StepKind, StepType, Vocabulary, integration_word
from cloudact.pipelines.yaml_files import Strict, read_model, words

IntegrationWord = Annotated[str, AfterValidator(integration_word)]


class Step(Strict):
    """A step of a pipeline, whichever shape it was written in."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")
    processor: str
    type: StepType
    config: SerializeAsAny[Strict]

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that a load step names, in the order of their load: the costs last."""
        one = getattr(self.config, "target_table", None)
        return (one,) if one else tuple(getattr(self.config, "target_tables", ()))

    @model_validator(mode="before")
    @classmethod
    def _either_shape(cls, raw: object, info: ValidationInfo) -> object:
        if not isinstance(raw, dict):
            raise ValueError("a step is a mapping with name, processor and config")
        if isinstance(raw.get("config"), Strict):
            return raw
        vocabulary = Vocabulary.of(info)
        if "processor" in raw or "config" in raw:
            _known_keys("a step with a processor", raw, ("name", "processor", "config"))
            kind, config = _read(raw, vocabulary)
            return {**raw, "type": kind.step_type, "config": _typed(kind, config)}
        older = vocabulary.older
        kind, config = read_older(raw, older)
        known = {"name": raw["name"]} if "name" in raw else {}
        return known | {
            "processor": older.processor if older else None,
            "type": kind.step_type,
            "config": _typed(kind, config),
        }


def _read(raw: Mapping[str, object], vocabulary: Vocabulary) -> tuple[StepKind, Mapping[str, object]]:
    processor = vocabulary.processors.get(str(raw.get("processor")))
    if processor is None:
        raise ValueError(f"processor must be one of {', '.join(vocabulary.processors)}")
    config = raw.get("config")
    if isinstance(config, dict):
        marked = [kind for kind in processor.kinds if kind.mark in config]
        if len(marked) == 1:
            return marked[0], config
    raise ValueError(f"config must hold exactly one of {', '.join(kind.mark for kind in processor.kinds)}")


def _typed(kind: StepKind, config: Mapping[str, object]) -> Strict:
    model = kind.config
    _known_keys(f"a {kind.step_type} step", config, model.model_fields)
    try:
        return model.model_validate(config)
    except ValidationError as err:  # flattened, so that the outer error names the step and this one the key
        raise ValueError("; ".join(f"config.{'.'.join(map(str, e['loc']))}: {words(e)}" for e in err.errors())) from err


def _known_keys(where: str, found: Iterable[str], allowed: Iterable[str]) -> None:
    unknown = sorted(set(found) - set(allowed))
    if unknown:
        raise ValueError(f"unknown key {', '.join(unknown)} in {where}; allowed are {', '.join(allowed)}")


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
    """Name, description and version of the pipeline."""

    name: str
    description: str
    version: str = Field(default="1.0", pattern=r"^[0-9A-Za-z][0-9A-Za-z._+-]{0,49}$")


class PipelineConfig(Strict):
    """One file under `configs/<provider>/`."""

    pipeline: Header
    required_integrations: tuple[IntegrationWord, ...] = ()
    parameters: tuple[Parameter] = (Parameter(name="date", type="string", default="yesterday"),)
    steps: tuple[Step, ...] = Field(min_length=1)

    @field_validator("steps", mode="after")
    @classmethod
    def _steps_of_one_processor(cls, steps: tuple[Step, ...], info: ValidationInfo) -> tuple[Step, ...]:
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
        _check_order(steps, Vocabulary.of(info).processors[first.processor])
        return steps

    @property
    def processor(self) -> str:
        """The processor of all steps; it decides what runs."""
        return self.steps[0].processor

    @property
    def tables(self) -> frozenset[str]:
        """The tables whose day a run replaces."""
        return frozenset(table for step in self.steps for table in step.tables)

    @property
    def date(self) -> Parameter:
        """The parameter `date`, the only one that a pipeline has."""
        return self.parameters[0]


def _check_order(steps: Sequence[Step], processor: ProcessorSteps) -> None:
    """Raises `ValueError` for a step that is missing, stands twice or is out of order: no day could be loaded."""
    order = [kind.config for kind in processor.kinds]
    allowed = f"{processor.processor} has these steps, each once and in this order: {processor}"
    for kind in processor.kinds:
        names = [step.name for step in steps if type(step.config) is kind.config]
        if len(names) > 1:
            raise ValueError(f"steps {' and '.join(names)} are both {kind.word} steps; {allowed}")
        if kind.required and not names:
            raise ValueError(f"there is no {kind.word} step; {allowed}")
    for before, step in pairwise(steps):
        if order.index(type(step.config)) < order.index(type(before.config)):
            raise ValueError(f"step {before.name} stands before step {step.name}; {allowed}")


def read_pipeline(path: Path, vocabulary: Vocabulary) -> PipelineConfig:
    """Reads one pipeline's config. Raises `ConfigError` that names file and key."""
    return read_model(path, PipelineConfig, {"vocabulary": vocabulary})
