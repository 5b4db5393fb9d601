"""Finds the anomalies of orgs' costs for whoever asks: one bounded query, and none while the answer is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cloudact.anomalies.anomaly import Anomaly
from cloudact.anomalies.cost_days import Window, cost_days
from cloudact.anomalies.finder import find_anomalies
from cloudact.warehouse.queries import load_query
from functions.costs.answer import CostAnswer
from functions.costs.answers import CostAnswers, KeptAnswers
from functions.costs.question import Question
from functions.costs.statement import statement_with_cells

MOST_WEIGHT = 20_000  # anomalies that an instance keeps, some 20 MiB
MOST_ROWS_OF_BOTH = 90_000  # of an answer's amounts and of cells, of which a currency has up to 50,000
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
        kept = self._kept.get(etag)
        if kept is not None:
            return kept, 0
        rows, processed = self._answers.rows(org_slug, load_query(QUERY), window.values(org_slug))
        return self._found(etag, window, rows), processed

    def find_with_costs(self, org_slug: str, window: Window, question: Question) -> tuple[FoundAnomalies, CostAnswer]:
        """Anomalies and the answer to a question, by one query, and none where both are kept; see `find`."""
        etag, of_costs = self.etag(org_slug, window), self._answers.etag(org_slug, question)
        if self._kept.get(etag) is not None or self._answers.kept(of_costs) is not None:
            return self.find(org_slug, window, etag)[0], self._answers.ask(org_slug, question, of_costs).answer
        statement = statement_with_cells(question, load_query(QUERY), window.values(org_slug))
        rows, _ = self._answers.rows(org_slug, *statement, most_rows=MOST_ROWS_OF_BOTH)
        found = self._found(etag, window, [row["cell"] for row in rows if row["cell"]])
        return found, self._answers.keep(of_costs, question, [row["answer"] for row in rows if row["answer"]])

    def _found(self, etag: str, window: Window, rows: Iterable[Mapping[str, Any]]) -> FoundAnomalies:
        """Anomalies that the rows of `cost_cells.sql` tell; they are kept from now on."""
        costs = cost_days(rows)
        settled_until = {provider: max(days) for provider, days in sorted(costs.settled.items())}
        found = FoundAnomalies(window, find_anomalies(costs, window), costs.names, settled_until)
        self._kept.put(etag, found)
        return found
