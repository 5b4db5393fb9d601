"""What an org's own tables have of the day of a run. Every query here is of that org and that day alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.runs.result import Earlier, Results
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import Warehouse

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField


@dataclass(frozen=True)
class OrgDay:
    """The day of `run` in the org's `dataset`. Raises `Stop` where a table is missing."""

    run: Run
    dataset: str
    warehouse: Warehouse = field(repr=False)

    @property
    def results(self) -> Results:
        """What earlier runs have told."""
        return Results(self.warehouse)

    def earlier(self) -> Earlier:
        """What earlier generations of the day have left, as of now."""
        return self.results.earlier(self.run)

    def columns(self, table: str) -> "Sequence[SchemaField]":
        """The table's columns, in its order."""
        with translating_missing_tables():
            return self.warehouse.columns(self.dataset, table)

    def row_count(self, table: str) -> int:
        """How many rows of the day the table has."""
        with translating_missing_tables():
            found = self.warehouse.rows("day_rows", dataset=self.dataset, org_table=table, **self._day)
        return int(found[0]["row_count"])

    def rows(self, query: str) -> list[dict[str, Any]]:
        """All rows of a query of `sql/queries` that takes an org and a date."""
        with translating_missing_tables():
            return self.warehouse.rows(query, dataset=self.dataset, **self._day)

    def pages(self, query: str, page_rows: int) -> Any:
        """The rows of such a query as the client's iterator, which reads so many at a time."""
        return self.warehouse.pages(query, self.dataset, page_rows, **self._day)

    @property
    def _day(self) -> dict[str, Any]:
        return {"org_slug": self.run.org_slug, "date": self.run.date}


@contextmanager
def translating_missing_tables() -> Iterator[None]:
    """Turns BigQuery's "not found" of an org's table into `Stop`."""
    from google.api_core.exceptions import NotFound

    try:
        yield
    except NotFound as err:
        message = "The organization's dataset lacks a table that this pipeline fills."
        raise Stop(Code.TABLE_MISSING, message, "Complete backend onboarding again.") from err
