"""Late data: dates whose source has newer rows than were loaded, until a run has loaded them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cloudact.runs.ledger import Generation

Newest = dict[dt.date, AwareDatetime]


@dataclass(frozen=True)
class Load:
    """Loads of one date: start of the last one, and the newest row that any of them has read."""

    started_at: dt.datetime
    source_as_of: dt.datetime | None

    def has(self, newest: dt.datetime, seen_at: dt.datetime) -> bool:
        """Whether the row exported at `newest`, and seen by a scan at `seen_at`, has been read by a load.

        A row that the pipeline leaves out never counts as read by its time, but a run that started after the scan has
        seen it.
        """
        return self.started_at > seen_at or (self.source_as_of is not None and self.source_as_of >= newest)


class LateDataScan(BaseModel):
    """Result of one scan of a source for late rows of earlier dates."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    source: str = Field(description="what was looked into")
    at: AwareDatetime = Field(description="when the look was over")
    watermark: AwareDatetime | None = Field(description="the newest export_time that any look has observed")
    stale: Newest = Field(description="dates with rows that no run has loaded, and the newest export_time of each")

    def still_stale(self, loads: Mapping[dt.date, Load]) -> Newest:
        """Dates that are still stale, with their newest row. A date that was never loaded has no late rows."""
        return stale_dates(self.stale, self.at, loads)


def loads_of(generations: Iterable[Generation]) -> dict[dt.date, Load]:
    """Loads by date, of the generations that have loaded something."""
    return {each.date: Load(each.loaded_at, each.source_as_of) for each in generations if each.loaded_at}


def stale_dates(newest_rows: Newest, seen_at: dt.datetime, loads: Mapping[dt.date, Load]) -> Newest:
    """Dates of `newest_rows` whose newest row no run has loaded."""
    return {
        date: newest for date, newest in newest_rows.items() if date in loads and not loads[date].has(newest, seen_at)
    }
