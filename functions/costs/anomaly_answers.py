"""Finds the anomalies of orgs' costs for whoever asks: one bounded query, and none while the answer is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from cloudact.anomalies.anomaly import Anomaly
from cloudact.anomalies.cost_days import Window, cost_days
from cloudact.anomalies.finder import find_anomalies
from cloudact.warehouse.queries import Query, Value, load_query
from functions.costs.answers import CostAnswers, QueryAnswers

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


AnomalyAnswers: TypeAlias = QueryAnswers[Window, FoundAnomalies]


def anomaly_answers(answers: CostAnswers) -> AnomalyAnswers:
    """Finds anomalies of orgs."""
    return QueryAnswers(answers, MOST_WEIGHT, _statement, _found)


def _statement(org_slug: str, window: Window) -> tuple[Query, dict[str, Value]]:
    return load_query(QUERY), window.values(org_slug)


def _found(window: Window, rows: Iterable[Mapping[str, Any]]) -> FoundAnomalies:
    costs = cost_days(rows)
    settled_until = {provider: max(days) for provider, days in sorted(costs.settled.items())}
    return FoundAnomalies(window, find_anomalies(costs, window), costs.names, settled_until)
