"""The job's processor for runs of the past: what an earlier run of the date has read is not read again."""

from dataclasses import dataclass, field

from jobs.processor import SourceProcessor
from jobs.reading import Reading
from localcloud.past.sources import PastExport


@dataclass
class PastProcessor(SourceProcessor):
    """Works through the steps as any run does. `readings` are those of earlier runs, by pipeline, date and content."""

    readings: dict[str, Reading] = field(default_factory=dict)

    def _read(self, at_work: object) -> Reading:
        name = f"{self.day_load.run.pipeline}/{self.day_load.run.date}/{self._as_of}"
        if name not in self.readings:
            self.readings[name] = super()._read(at_work)  # type: ignore[arg-type]
        return self.readings[name]

    @property
    def _as_of(self) -> str:
        """What tells the content of the day: exports grow, and nothing restates a report."""
        return str(self.source.newest) if isinstance(self.source, PastExport) else ""
