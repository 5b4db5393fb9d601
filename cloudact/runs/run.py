"""Runs: one pipeline, for one org and one UTC date, in one generation. Knows no storage and no transport."""

import datetime as dt
import uuid
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cloudact.ai/runs")
FIRST_DATE = dt.date(2015, 1, 1)
MESSAGE_VARIABLE = "CLOUDACT_RUN"  # the job's environment variable that holds a `Run` as JSON


class Status(StrEnum):
    """Status of a run: PENDING → RUNNING → SUCCESS, FAILED or CANCELLED."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether the run can no longer change."""
        return self not in (Status.PENDING, Status.RUNNING)


class TriggerType(StrEnum):
    """Trigger of a run."""

    API = "api"
    USER = "user"
    SCHEDULE = "schedule"
    BACKFILL = "backfill"
    RETRY = "retry"
    RESTATEMENT = "restatement"

    @property
    def counted(self) -> bool:
        """Whether the run counts against the daily quota: the service's own runs do not."""
        return self not in (TriggerType.SCHEDULE, TriggerType.RESTATEMENT)


class Run(BaseModel):
    """Request for a run, exactly as it travels on the queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    org_slug: str
    pipeline: str = Field(description="registry id, gcp_billing")
    provider: str
    domain: str
    name: str = Field(description="last part of the path, billing")
    date: dt.date = Field(description="the UTC date whose costs are loaded")
    generation: int = Field(ge=1)
    trigger_type: TriggerType
    triggered_by: str
    requested_at: AwareDatetime
    force_refresh: bool = False

    def again(self, trigger_type: TriggerType, triggered_by: str, at: dt.datetime) -> "Run":
        """Next generation of this request."""
        changes = {"trigger_type": trigger_type, "triggered_by": triggered_by, "requested_at": at}
        return self.model_copy(update={"generation": self.generation + 1, **changes})

    @property
    def run_id(self) -> str:
        """UUIDv5 of org, pipeline, date and generation: an equal request has an equal id."""
        return run_id(self.org_slug, self.pipeline, self.date, self.generation)

    @property
    def claim_id(self) -> str:
        """BigQuery job id that the run's first container takes."""
        return f"claim_{self.run_id}"

    @property
    def requested_date(self) -> dt.date:
        """UTC day of the request; all events of the run lie in this day's partition."""
        return self.requested_at.astimezone(dt.UTC).date()

    @property
    def pipeline_id(self) -> str:
        """Name of the pipeline and org as clients see it: `acmecorp-gcp-billing`."""
        return f"{self.org_slug}-{self.provider}-{self.name}"


def run_id(org_slug: str, pipeline: str, date: dt.date, generation: int) -> str:
    """UUIDv5 of org, pipeline, date and generation. No part can hold a slash, so no two runs share a name."""
    return str(uuid.uuid5(NAMESPACE, f"{org_slug}/{pipeline}/{date.isoformat()}/{generation}"))


def step_logging_id(run_id: str, step_index: int) -> str:
    """UUIDv5 that identifies a step of a run."""
    return str(uuid.uuid5(NAMESPACE, f"{run_id}/steps/{step_index}"))
