"""Files on their way to a load job, kept on disk until it has run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bqemulator.domain.errors import ValidationError


@dataclass(frozen=True)
class Upload:
    """A file on its way: the `Job` it belongs to and the bytes so far."""

    job: dict[str, Any]
    path: Path

    @property
    def job_id(self) -> str | None:
        """The id the client chose."""
        return (self.job.get("jobReference") or {}).get("jobId")

    def append(self, chunk: bytes) -> int:
        """Add bytes; returns how many there are."""
        with self.path.open("ab") as file:
            file.write(chunk)
        return self.path.stat().st_size


def new_upload(job: dict[str, Any]) -> Upload:
    """An upload with an empty file; raises ValidationError if the job loads nothing."""
    if "load" not in (job.get("configuration") or {}):
        raise ValidationError("Missing required field configuration.load")
    with tempfile.NamedTemporaryFile(prefix="local-bigquery-", delete=False) as file:
        return Upload(job, Path(file.name))
