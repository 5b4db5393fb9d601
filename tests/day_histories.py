"""Histories of days as tests make them, and the datasets that they are read from: without any charge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from google.cloud.bigquery import LoadJobConfig

from cloudact import clients
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.migrations import Migrations
from tests.conftest import Local

VIEWS = {
    "views_focus_billing_periods", "views_focus_billing_schema", "views_focus_instances", "views_focus_schema",
    "views_restatement_curve", "views_settledness", "views_focus_metadata",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a run found a day to be, as `day_history` has it."""

    day: date
    at: datetime
    completeness: str
    changed: bool = False
    pipeline: str = "openai_usage_cost"
    provider: str = "openai"
    costs: Mapping[str, object] = field(default_factory=dict)  # by currency

    def row(self, org_slug: str, generation: int) -> dict[str, Any]:
        return {
            "usage_date": str(self.day), "org_slug": org_slug, "provider": self.provider, "pipeline": self.pipeline,
            "run_id": "r", "generation": generation, "trigger_type": "schedule", "read_at": str(self.at),
            "recorded_at": str(self.at), "is_changed": self.changed, "completeness": self.completeness,
            "rows_before": 0, "rows_after": 1,
            "costs": [{"currency": currency, "after": str(cost)} for currency, cost in self.costs.items()],
        }  # fmt: skip


History = Sequence[Found]


def after(day: date, hours: float) -> datetime:
    """An instant so many hours after the end of a day."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=hours)


def settled(first: date, last: date, **fixed: Any) -> Iterator[Found]:
    """Days that were read in the next morning and became final after a week."""
    for back in range((last - first).days + 1):
        day = first + timedelta(days=back)
        yield Found(day, after(day, 6), "settling", changed=True, **fixed)
        yield Found(day, after(day, 174), "final", **fixed)


def in_turn(*parts: Iterable[Found]) -> History:
    return sorted((found for part in parts for found in part), key=lambda found: found.at)


def fill_with_metadata(warehouse: Warehouse, org_slug: str, *, views: bool = True) -> None:
    """Makes an org's tables, and of the views those that read histories alone: the others take ten seconds."""
    migrations = Migrations(warehouse, applied_by="test")
    migrations.bring(org_slug, [s for s in migrations.org if s.version is not None or (views and s.name in VIEWS)])


def load_histories(local: Local, dataset: str, histories: Mapping[str, History]) -> None:
    """Adds the histories of these orgs to the table of one dataset."""
    client = clients.bigquery(local.settings)
    rows = [found.row(slug, turn) for slug, history in histories.items() for turn, found in enumerate(history, start=1)]
    config = LoadJobConfig(schema=client.get_table(f"{dataset}.day_history").schema)
    client.load_table_from_json(rows, f"{dataset}.day_history", job_config=config).result()
