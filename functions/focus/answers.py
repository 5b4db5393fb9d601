"""Shapes of the FOCUS metadata, with its names: https://focus.finops.org/focus-specification/v1-4/ (Metadata).

Names of ours begin with `x_`.
"""

from typing import Literal

from pydantic import Field

from functions.web.answers import Answer, Instant


class DataGenerator(Answer):
    """Generator of the data."""

    DataGenerator: str = Field(examples=["CloudAct Pipelines"])


class DatasetInstance(Answer):
    """Instance of a FOCUS dataset: the costs and usage of one provider, or the billing periods."""

    DatasetInstanceId: str = Field(examples=["7f1d8b1c-0c55-4d0e-9f7a-52b6a4a0f3ce"])
    DatasetInstanceName: str
    FocusDatasetId: str = Field(examples=["CostAndUsage"])


class ColumnDefinition(Answer):
    """Column of a dataset."""

    ColumnName: str = Field(examples=["BilledCost"])
    DataType: str = Field(description="in GoogleSQL", examples=["NUMERIC"])
    NumericPrecision: int = Field(default=0, description="digits; of numbers alone")
    NumberScale: int = Field(default=0, description="digits after the point; of numbers alone")
    Deprecated: bool = Field(default=False, description="left out where it is false")
    ProviderTagPrefixes: list[str] = Field(default=[], description="of Tags alone: of keys that a provider has made")


class Schema(Answer):
    """Columns of a dataset instance. Instances with the same columns have the same SchemaId."""

    SchemaId: str = Field(description="another one where columns, their types or the version of FOCUS change")
    CreationDate: Instant | None = Field(
        description="when the organization's dataset first got these columns, by the record of its migrations; null "
        "for the moments before that is recorded"
    )
    FocusVersion: str = Field(examples=["1.4"])
    DatasetInstanceId: str
    ColumnDefinition: list[ColumnDefinition]


class TimeSector(Answer):
    """UTC day of a provider."""

    TimeSectorStart: Instant
    TimeSectorEnd: Instant
    TimeSectorComplete: bool = Field(description="whether the day is settled, by the view settledness")
    TimeSectorLastUpdated: Instant = Field(
        description="when a run last replaced the day; if none has, when the first one had read it"
    )


class Recency(Answer):
    """Recency of a dataset instance, if it has a day in the range that was asked for."""

    DatasetInstanceId: str
    DatasetInstanceLastUpdated: Instant
    RecencyLastUpdated: Instant
    TimeSectors: list[TimeSector]


class DeliveryHandling(Answer):
    """Delivery of the data (docs/focus.md, Metadata)."""

    Mechanism: Literal["Overwrite", "Append"]
    Scope: str
    Frequency: str


class CorrectionHandling(Answer):
    """Form in which corrections come (docs/focus.md, Metadata)."""

    Style: Literal["Replacement", "Delta", "Ledger"]
    Scope: str
    Rows: str


class FocusMetadata(Answer):
    """FOCUS metadata of an organization."""

    DataGenerator: DataGenerator
    DatasetInstance: list[DatasetInstance]
    Schema: list[Schema]
    Recency: list[Recency]
    x_DeliveryHandling: DeliveryHandling  # noqa: N815 - with FOCUS's prefix for what is not its own
    x_CorrectionHandling: CorrectionHandling  # noqa: N815
