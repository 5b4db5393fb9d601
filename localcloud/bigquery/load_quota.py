"""The quota of load jobs, 100,000 a day and project at Google: here as many as a test says, failed ones included."""

from __future__ import annotations

from bqemulator.domain.errors import DomainError
from pydantic import BaseModel, ConfigDict, Field


class QuotaExceeded(DomainError):
    """A quota that refills is used up."""

    http_status = 403
    bq_reason = "quotaExceeded"
    grpc_status_name = "RESOURCE_EXHAUSTED"


class LoadQuota(BaseModel):
    """How many load jobs are left; `None` is no limit."""

    model_config = ConfigDict(extra="forbid")

    left: int | None = Field(default=None, ge=0)

    def take(self) -> None:
        """Count one load job. Raises QuotaExceeded where none was left, which fails the job and not its insertion."""
        if self.left == 0:
            raise QuotaExceeded("Quota exceeded: Your project exceeded quota for imports per project.")
        if self.left is not None:
            self.left -= 1
