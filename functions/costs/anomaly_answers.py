"""Finds the anomalies of orgs' costs for whoever asks: one bounded query, and none while the answer is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cloudact.anomalies.anomaly import Anomaly
from cloudact.anomalies.cost_days import Window, cost_days
from cloudact.anomalies.finder import find_anomalies
from cloudact.warehouse.queries import load_query
from functions.costs.answers import CostAnswers, KeptAnswers

MOST_WEIGHT = 20_000  # anomalies that an instance keeps, some 20 MiB
QUERY = "cost_cells"


@dataclass(frozen=True)
class FoundAnomalies:
    """Anomalies that began on the window's days, the newest first, and the last settled day of each provider."""

    window: Window
    anomalies: Sequence[Anomaly]
    names: Mapping[tuple[str, str, str], str]
    settled_until: Mapping[str, date]

    @property
    def weight(self) -> int:
        """Number of anomalies and names."""
        return 1 + len(self.anomalies) + len(self.names)


class AnomalyAnswers:
    """Finds anomalies of orgs. Its queries count among those of questions about costs."""

    def __init__(self, answers: CostAnswers) -> None:
        self._answers = answers
        self._kept = KeptAnswers[FoundAnomalies](MOST_WEIGHT)

    def etag(self, org_slug: str, window: Window) -> str:
        """Text that is equal as long as no load has changed the org's tables, within a UTC day. Raises `Retry`."""
        return self._answers.etag(org_slug, window)

    def find(self, org_slug: str, window: Window, etag: str) -> tuple[FoundAnomalies, int]:
        """Anomalies of this state, and the bytes that the query has processed: 0 where they were kept.

        Raises what `CostAnswers.rows` raises.
        """
        kept = self.kept(etag)
        if kept is not None:
            return kept, 0
        rows, processed = self._answers.rows(org_slug, load_query(QUERY), window.values(org_slug))
        return self.keep(etag, window, rows), processed

    def kept(self, etag: str) -> FoundAnomalies | None:
        """Anomalies of this state, if they are kept."""
        return self._kept.get(etag)

    def keep(self, etag: str, window: Window, rows: Iterable[Mapping[str, Any]]) -> FoundAnomalies:
        """Anomalies that the rows of `cost_cells.sql` tell; they are kept from now on."""
        costs = cost_days(rows)
        settled_until = {provider: max(days) for provider, days in sorted(costs.settled.items())}
        found = FoundAnomalies(window, find_anomalies(costs, window), costs.names, settled_until)
        self._kept.put(etag, found)
        return found
