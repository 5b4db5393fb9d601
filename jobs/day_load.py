"""Replaces one day of an org's tables by files, unless a table would lose too much."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cloudact.errors import Stop
from cloudact.run_load import Part, RunLoad
from cloudact.runs import Run
from cloudact.warehouse import Warehouse

GUARDED_ROWS = 100  # fewer may come and go
FORCE = "If this is right, start the run again with force_refresh."


@dataclass(frozen=True)
class DayLoad:
    """The load of one run, guarded."""

    run: Run
    warehouse: Warehouse
    run_load: RunLoad

    def replace(self, parts: Sequence[Part], tick: Callable[[], None]) -> int:
        """Loads every part, one load job each, and answers how many rows the day has now.

        Raises `Stop` before anything is loaded where one table would shrink too much, and what `RunLoad.load` raises.
        """
        with _tables_there():
            for part in parts:
                self._guard(part)
        return self.run_load.load(parts, self.run.date, tick)

    def _guard(self, part: Part) -> None:
        """A day that would lose more than half of its rows is more likely a fault of the source than the truth."""
        found = self.warehouse.rows(
            f"{part.table}_rows", dataset=part.dataset, org_slug=self.run.org_slug, date=self.run.date
        )
        had = int(found[0]["row_count"])
        if had >= GUARDED_ROWS and part.rows * 2 < had and not self.run.force_refresh:
            told = f"The result has {part.rows} rows, but the day has {had} rows already"
            raise Stop("result_shrunk", f"{told} in {part.table}; they were kept.", FORCE)


@contextmanager
def _tables_there() -> Iterator[None]:
    """Every table is looked at before the first is replaced."""
    from google.api_core.exceptions import NotFound

    try:
        yield
    except NotFound as err:
        message = "The organization's dataset lacks a table that this pipeline fills."
        raise Stop("table_missing", message, "Complete backend onboarding again.") from err
