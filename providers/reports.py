"""The source of a provider that is read report by report over an admin API."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Protocol

from cloudact.pipelines.yaml_files import Strict
from providers.admin_key import Vendor
from providers.calls import Calls
from providers.http import ProviderHttp
from providers.notes import Notes
from providers.source import Chain, Progress, Row, SourceContext, Table, TableRows, unknown_step

if TYPE_CHECKING:
    import pyarrow as pa


class Reports(Protocol):
    """One provider's reports of one UTC day."""

    def rows(self, reports: Sequence[str]) -> Sequence[TableRows]:
        """Each table with its rows, read while they are iterated; the iterators may raise `NotOffered` at first."""

    def total(self) -> Mapping[str, Decimal]:
        """The provider's own total of the day by currency, in the unit of the rows' `amount`."""


@dataclass
class ReportSource:
    """A `Source` of reports, each opened anew when it is read. `prepare` says which of them are wanted."""

    name: str
    fills: Sequence[Table]
    open_reports: Callable[[Notes, Calls], Reports]
    break_off: Callable[[], None] = lambda: None
    wanted: Sequence[str] = ()
    bytes_billed: int = 0

    def prepare(self, config: Strict, progress: Progress) -> None:  # noqa: ARG002 - `Source` tells of its steps
        """Takes from the config of `extract` which reports are to be read."""
        wanted = getattr(config, "reports", None)
        if wanted is None:
            raise unknown_step(self.name, config)
        self.wanted = wanted

    def chains(self) -> Sequence[Chain]:
        """The wanted reports; each row is read from its page when it is asked for."""
        unread = self.open_reports(Notes(lambda _: None), Calls())
        tables = {report: table for report in self.wanted for table, _ in unread.rows([report])}
        return [Chain(table, partial(self._read, report)) for report, table in tables.items()]

    def total(self, notes: Notes, calls: Calls) -> Mapping[str, Decimal]:
        """The provider's own total of the day by currency, in the unit of the rows' `amount`."""
        return self.open_reports(notes, calls).total()

    def _read(self, report: str, notes: Notes, calls: Calls) -> "Iterator[Row | pa.RecordBatch]":
        ((_, rows),) = self.open_reports(notes, calls).rows([report])
        return rows


def open_api(context: SourceContext, vendor: Vendor, calls: Calls) -> ProviderHttp:
    """The vendor's API with the org's key. Raises `Stop` for what cannot be a key."""
    key = context.credential.decode()
    known = replace(vendor, foreign_keys=context.foreign_keys)
    return known.open(context.url, key, context.http(), context.patience, calls, context.time)
