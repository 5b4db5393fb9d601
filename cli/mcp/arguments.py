"""Arguments of the tools: typed, bounded, and nothing besides. No tool takes an org, a credential or SQL."""

import datetime as dt
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_DAYS = 400
MOST_GROUPS = 20
MOST_PERIODS = 60
_TAG = r'(tag|label):[^"\\,=*\x00-\x1f\x7f]{1,200}'
_WORDS = "provider|service|model|token_type|sub_account|api_key|region|sku"
_ONE_OF = "provider, service, model, token_type, sub_account, api_key, region, sku, tag:KEY or label:NAME"
Dimension: TypeAlias = Annotated[str, Field(pattern=f"^({_WORDS}|{_TAG})$", description=_ONE_OF)]
Pipeline: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_/-]{1,200}$", description="id or path of a pipeline, as list_pipelines tells it")
]
Date: TypeAlias = Annotated[dt.date, Field(description="UTC day, YYYY-MM-DD", examples=["2025-11-25"])]


class Arguments(BaseModel):
    """Arguments of a tool; a name that it does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Filter(Arguments):
    """Values that a dimension must have, or with `exclude` must not have."""

    dimension: Dimension
    values: list[Annotated[str, Field(max_length=500)]] = Field(
        min_length=1, max_length=50, description="alternatives; empty text: what has none"
    )
    exclude: bool = False


class NoArguments(Arguments):
    """Arguments of a tool that takes none."""


class RunsAsked(Arguments):
    """Which runs are listed."""

    status: Literal["PENDING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED"] | None = None
    pipeline: Pipeline | None = None
    date: Date | None = Field(default=None, description="UTC day whose costs the runs load")
    requested_from: Date | None = Field(default=None, description="first UTC day on which they were asked for")
    requested_to: Date | None = Field(default=None, description="last UTC day on which they were asked for")
    limit: int = Field(default=20, ge=1, le=50)
    cursor: str | None = Field(default=None, max_length=2000, description="next_cursor of the page before")


class DayAsked(Arguments):
    """A pipeline and the UTC day whose costs it loads."""

    pipeline: Pipeline
    date: Date


class CostsAsked(Arguments):
    """Days and filters of a question about costs."""

    start: Date = Field(description="first UTC day")
    end: Date = Field(description=f"last UTC day, inclusive; at most {MOST_DAYS} days")
    filters: list[Filter] = Field(default=[], max_length=20, description="all of them must hold")

    @model_validator(mode="after")
    def check_days(self) -> Self:
        """Refuses days in the wrong order, and too many."""
        if not 1 <= (self.end - self.start).days + 1 <= MOST_DAYS:
            raise ValueError(f"start to end must be 1 to {MOST_DAYS} days")
        return self


class GroupsAsked(CostsAsked):
    """Question about costs by groups and periods."""

    group_by: list[Dimension] = Field(default=[], max_length=3)
    granularity: Literal["day", "week", "month"] = Field(
        default="month", description=f"length of a period; at most {MOST_PERIODS} periods"
    )
    metric: Literal["billed", "effective", "list", "contracted", "consumed"] = Field(
        default="billed", description="cost as FOCUS defines it; consumed: quantities by their units"
    )
    basis: Literal["usage", "invoice_month"] = Field(
        default="usage", description="invoice_month: whole months by the month of the provider's invoice"
    )
    compare: bool = Field(default=False, description="with as many days before; whole months with whole months")
    limit: int = Field(default=10, ge=1, le=MOST_GROUPS, description="groups told one by one, the largest")

    @model_validator(mode="after")
    def check_periods(self) -> Self:
        """Refuses more periods than an answer can hold."""
        days = (self.end - self.start).days + 1
        if days // {"day": 1, "week": 7, "month": 28}[self.granularity] > MOST_PERIODS:
            raise ValueError(f"at most {MOST_PERIODS} periods: ask for a coarser granularity, or fewer days")
        return self


class TokensAsked(CostsAsked):
    """Question about costs of tokens by provider, model and token type."""

    group_by: Dimension | None = Field(default=None, description=f"one more dimension: {_ONE_OF}")
    compare: bool = Field(default=False, description="with as many days before; whole months with whole months")
    limit: int = Field(default=MOST_GROUPS, ge=1, le=MOST_GROUPS, description="rows, those that cost most")


class AnomaliesAsked(Arguments):
    """Which anomalies are listed."""

    end: Date | None = Field(default=None, description="last UTC day of the 30 that are looked at; null: yesterday")


class MonthAsked(Arguments):
    """Which month is meant."""

    month: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}$", description="UTC month; null: the current one")


class ForecastAsked(MonthAsked):
    """Which month is meant, and what its costs are grouped by."""

    group_by: str = Field(default="provider", pattern=r"^(provider|label:[a-z][a-z0-9_]*)$")


class ChangeAsked(CostsAsked):
    """Question about what has changed against the days before."""

    group_by: list[Dimension] = Field(min_length=1, max_length=3)
    metric: Literal["billed", "effective", "list", "contracted"] = "billed"
    limit: int = Field(default=10, ge=1, le=MOST_GROUPS, description="groups that have changed most")
