"""What an org's own tables have of the day of a run. Every query here is of that org and that day alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.google_errors import refused_with
from cloudact.runs.result import Earlier, Results
from cloudact.runs.run import Run
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.resources import Column

if TYPE_CHECKING:
    from google.cloud.bigquery.table import RowIterator

Shape = TypeVar("Shape")


@dataclass(frozen=True)
class OrgDay:
    """The day of `run` in the org's `dataset`. Raises `Stop` where a table is missing."""

    run: Run
    dataset: str
    warehouse: Warehouse = field(repr=False)

    @property
    def results(self) -> Results:
        """The stored results of runs."""
        return Results(self.warehouse)

    def earlier(self) -> Earlier:
        """The result that earlier generations of the day have left, as of now."""
        return self.results.earlier(self.run)

    def columns(self, table: str) -> Sequence[Column]:
        """The table's columns, in its order."""
        with translating_missing_tables():
            return self.warehouse.columns(self.dataset, table)

    def row_count(self, table: str) -> int:
        """The number of rows of the day in the table."""
        with translating_missing_tables():
            (row,) = self.warehouse.rows("day_rows", dataset=self.dataset, org_table=table, **self._day)
        return int(row["row_count"])

    def read(self, shape: type[Shape], query: str) -> list[Shape]:
        """Reads all rows of a query of `sql/queries` that takes an org and a date, each as the dataclass `shape`."""
        with translating_missing_tables():
            return self.warehouse.read(shape, query, dataset=self.dataset, **self._day)

    def pages(self, query: str, page_rows: int) -> "RowIterator":
        """The rows of a query of `sql/queries` as the client's iterator, which reads `page_rows` at a time."""
        return self.warehouse.pages(query, self.dataset, page_rows, **self._day)

    @property
    def _day(self) -> dict[str, str | date]:
        return {"org_slug": self.run.org_slug, "date": self.run.date}


@contextmanager
def translating_missing_tables() -> Iterator[None]:
    """Turns BigQuery's "not found" of an org's table into `Stop`."""
    try:
        yield
    except Exception as err:
        if not refused_with(err, 404):
            raise
        message = "The organization's dataset lacks a table that this pipeline fills."
        raise Stop(Code.TABLE_MISSING, message, "Complete backend onboarding again.") from err
