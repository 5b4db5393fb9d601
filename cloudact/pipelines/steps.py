"""What a pipeline's steps can be: which processor has which kinds in which order, and what their configs share.

The kinds themselves are the providers', which hand them in with their records.
"""

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Protocol, Self

from pydantic import BeforeValidator, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from cloudact.pipelines.yaml_files import Strict


class StepType(StrEnum):
    """What a step does; the older configs name their steps by it."""

    EXTRACT = "bigquery_query"
    TRANSFORM = "sql_transform"
    LOAD = "bigquery_load"
    REPORTS = "api_extract"
    RECONCILE = "reconcile"


class Templated(Strict):
    """Strings may hold `{placeholders}`; they are checked when the file is read and filled in per run.

    A provider's own model adds to `placeholders`, mostly the fields of its integration's settings.
    """

    placeholders: ClassVar[tuple[str, ...]] = ("org_slug", "org_dataset")

    @field_validator("*", mode="after")
    @classmethod
    def _known_placeholders(cls, value: object) -> object:
        if isinstance(value, str):
            for _, name, form, conversion in string.Formatter().parse(value):
                if form or conversion:
                    raise ValueError(f"{value} formats a placeholder; allowed is its name alone: {{{name}}}")
                if name is not None and name not in cls.placeholders:
                    raise ValueError(f"unknown placeholder {{{name}}}; allowed are {', '.join(cls.placeholders)}")
        return value

    def filled(self, values: Mapping[str, str]) -> Self:
        """A copy of the config with every placeholder replaced by its value."""
        return self.model_copy(
            update={k: v.format(**values) for k, v in self.model_dump().items() if isinstance(v, str)}
        )


def _own_dataset(name: object) -> str:
    """`{org_slug}` is the older word for the org's dataset; any other dataset would hold rows of somebody else."""
    if name not in ("{org_dataset}", "{org_slug}"):
        raise ValueError('must be "{org_dataset}": a run writes into the dataset of its own org only')
    return "{org_dataset}"


TargetDataset = Annotated[str, BeforeValidator(_own_dataset)]


@dataclass(frozen=True)
class StepKind:
    """A step that a processor has: `mark` is the key by which its config is known."""

    word: str
    mark: str
    step_type: StepType
    config: type[Strict]
    required: bool = True

    def __str__(self) -> str:
        return f"{self.word} ({self.mark})" if self.required else f"{self.word} ({self.mark}; may be left out)"


@dataclass(frozen=True)
class ProcessorSteps:
    """What a pipeline of this processor consists of: its steps in their order.

    `older_shape`: a step that names no processor, but a `type`, is one of these (`older_shape.py`).
    """

    processor: str
    kinds: tuple[StepKind, ...]
    older_shape: bool = False

    def __str__(self) -> str:
        return ", ".join(map(str, self.kinds))


class PipelineProvider(Protocol):
    """What must be known of a provider to read its pipelines."""

    @property
    def id(self) -> str:
        """The word of the registry: `openweb`."""

    @property
    def integration(self) -> str:
        """The word of the tables: `OPENWEB`."""

    @property
    def steps(self) -> ProcessorSteps:
        """The provider's processor and its steps."""


class Vocabulary:
    """The words that configs may use: those of the providers that were handed in."""

    def __init__(self, providers: Iterable[PipelineProvider]) -> None:
        self.owners = {provider.steps.processor: provider for provider in providers}

    @classmethod
    def of(cls, info: ValidationInfo) -> Self:
        """The vocabulary that a file is being read with."""
        vocabulary = info.context["vocabulary"] if info.context else None
        if not isinstance(vocabulary, cls):
            raise TypeError("a config is read with the vocabulary of the providers")
        return vocabulary

    @property
    def processors(self) -> Mapping[str, ProcessorSteps]:
        """The steps of every processor, by the processor's name."""
        return {name: provider.steps for name, provider in self.owners.items()}

    @property
    def older(self) -> ProcessorSteps | None:
        """The processor that steps of the older shape belong to."""
        return next((steps for steps in self.processors.values() if steps.older_shape), None)


def provider_word(word: str, info: ValidationInfo) -> str:
    """The id of a provider; for a field's `AfterValidator`."""
    return _one_of(word, [provider.id for provider in Vocabulary.of(info).owners.values()])


def integration_word(word: str, info: ValidationInfo) -> str:
    """The name of an integration; for a field's `AfterValidator`."""
    return _one_of(word, [provider.integration for provider in Vocabulary.of(info).owners.values()])


def _one_of(word: str, allowed: list[str]) -> str:
    if word not in allowed:
        *most, last = map(repr, allowed)
        expected = f"{', '.join(most)} or {last}" if most else last
        raise PydanticCustomError("literal_error", "Input should be {expected}", {"expected": expected})
    return word
