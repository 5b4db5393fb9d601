"""The registry of pipelines: which exist, how a path names one, what each needs. Reads `configs/` and nothing else."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from cloudact.errors import CloudActError, ConfigError
from cloudact.pipelines.config import IntegrationWord, Parameter, PipelineConfig, read_pipeline
from cloudact.pipelines.steps import PipelineProvider, Vocabulary, provider_word
from cloudact.pipelines.yaml_files import Strict, read_model


class UnknownPipeline(CloudActError):
    """No enabled pipeline has this name."""


class Entry(Strict):
    """One pipeline of the registry."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")
    name: str
    description: str
    provider: Annotated[str, AfterValidator(provider_word)]
    domain: str = Field(pattern=r"^([a-z][a-z0-9_]*)?$")
    pipeline: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    config: str = Field(pattern=r"^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*\.ya?ml$")
    required_integration: IntegrationWord
    enabled: bool
    schedule: Literal["daily", "manual"]
    restate_days: tuple[Annotated[int, Field(strict=True, ge=1, le=366)], ...] = ()
    max_age_days: int | None = Field(
        default=None, strict=True, ge=1, le=36_600, description="older dates are not backfilled; None: no known limit"
    )

    @field_validator("restate_days", mode="after")
    @classmethod
    def _each_day_once(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        rising = tuple(sorted(set(days)))
        if days != rising:
            raise ValueError(f"days stand once and in rising order; allowed is {list(rising)}")
        return days

    @property
    def path(self) -> str:
        """`provider/domain/pipeline`; the domain may be empty."""
        return f"{self.provider}/{self.domain}/{self.pipeline}"


class _File(Strict):
    pipelines: tuple[Entry, ...]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for what in ("id", "path"):
            names = [getattr(entry, what) for entry in self.pipelines]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} {', '.join(twice)} stands twice")
        return self


class Registry:
    """All entries, in the order of the file."""

    def __init__(self, entries: Sequence[Entry], configs: Mapping[str, PipelineConfig]) -> None:
        self.entries = tuple(entries)
        self._configs = dict(configs)

    def get(self, pipeline: str) -> Entry:
        """The entry with this id, enabled or not."""
        for entry in self.entries:
            if entry.id == pipeline:
                return entry
        raise UnknownPipeline(f"Unknown pipeline: {pipeline}. Available: {self._available()}")

    def resolve(self, parts: Sequence[str]) -> Entry:
        """The enabled entry that `provider/domain/pipeline` or `provider/pipeline` names.

        An empty or left-out domain stands for any, as long as only one pipeline fits.
        """
        fitting = [entry for entry in self.entries if entry.enabled and _fits(entry, parts)]
        if len(fitting) != 1:
            raise UnknownPipeline(f"Unknown pipeline: {'/'.join(parts)}. Available: {self._available()}")
        return fitting[0]

    def config(self, entry: Entry) -> PipelineConfig:
        """The entry's own file. Raises `UnknownPipeline` where it is not enabled: its file has not been read."""
        if entry.id not in self._configs:
            raise UnknownPipeline(f"Pipeline {entry.id} is not enabled. Available: {self._available()}")
        return self._configs[entry.id]

    def default_date(self, entry: Entry, today: dt.date) -> dt.date | None:
        """The date of a run that was asked for without one; `None` where the pipeline's file requires it."""
        return self.config(entry).date.default_on(today)

    def parameters(self, entry: Entry) -> tuple[Parameter, ...]:
        """The parameters that a client may pass; none for a pipeline that is not enabled, which may have no file."""
        return self.config(entry).parameters if entry.enabled else ()

    def _available(self) -> str:
        return ", ".join(entry.path for entry in self.entries if entry.enabled)


def _fits(entry: Entry, parts: Sequence[str]) -> bool:
    if len(parts) == 2:
        provider, domain, pipeline = parts[0], "", parts[1]
    elif len(parts) == 3:
        provider, domain, pipeline = parts
    else:
        return False
    return (entry.provider, entry.pipeline) == (provider, pipeline) and domain in ("", entry.domain)


def load_registry(configs_dir: Path, providers: Iterable[PipelineProvider]) -> Registry:
    """Reads and checks the registry and the config of every enabled pipeline; they may name these providers only."""
    path, vocabulary = configs_dir / "system" / "pipelines.yml", Vocabulary(providers)
    entries = read_model(path, _File, {"vocabulary": vocabulary}).pipelines
    configs = {entry.id: read_pipeline(configs_dir / entry.config, vocabulary) for entry in entries if entry.enabled}
    for entry in entries:
        if entry.enabled:
            _check(path, entry, configs[entry.id], vocabulary)
    _check_tables(path, [entry for entry in entries if entry.enabled], configs)
    return Registry(entries, configs)


def _check_tables(path: Path, enabled: Iterable[Entry], configs: Mapping[str, PipelineConfig]) -> None:
    """Raises `ConfigError` where two pipelines fill one table: each would replace the other's day."""
    filled: dict[str, str] = {}
    for entry in enabled:
        for table in sorted(configs[entry.id].tables):
            other = filled.setdefault(table, entry.id)
            if other != entry.id:
                raise ConfigError(
                    f"{path}: {entry.id}: {entry.config} loads {table}, and so does {other}; "
                    "allowed is one enabled pipeline for each table"
                )


def _check(path: Path, entry: Entry, config: PipelineConfig, vocabulary: Vocabulary) -> None:
    owner = vocabulary.owners[config.processor]
    if entry.provider != owner.id:
        fitting = [name for name, each in vocabulary.owners.items() if each.id == entry.provider]
        raise ConfigError(
            f"{path}: {entry.id}: provider is {entry.provider}, but step {config.steps[0].name} of {entry.config} "
            f"is of {config.processor}; allowed is {', '.join(fitting)}"
        )
    if entry.required_integration != owner.integration:
        raise ConfigError(
            f"{path}: {entry.id}: required_integration is {entry.required_integration}, but {config.processor} of "
            f"{entry.config} reads with {owner.integration}"
        )
    if config.pipeline.name != entry.id:
        raise ConfigError(f"{path}: {entry.id}: {entry.config} calls itself {config.pipeline.name!r}")
    if config.required_integrations not in ((), (entry.required_integration,)):
        raise ConfigError(
            f"{path}: {entry.id}: required_integration is {entry.required_integration}, "
            f"but {entry.config} requires {', '.join(config.required_integrations)}"
        )
