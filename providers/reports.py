"""The source of a provider that is read report by report over an admin API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from cloudact.pipelines.yaml_files import Strict
from providers.admin_key import Vendor
from providers.http import ProviderHttp
from providers.notes import Notes
from providers.source import Progress, SourceContext, Table, TableRows, unknown_step


class Reports(Protocol):
    """One provider's reports of one UTC day."""

    def rows(self, reports: Sequence[str]) -> Sequence[TableRows]:
        """Each table with its rows, read while they are iterated; the iterators may raise `NotOffered` at first."""

    def total(self) -> Mapping[str, Decimal]:
        """The provider's own total of the day by currency, in the unit of the rows' `amount`."""


@dataclass
class ReportSource:
    """A `Source` of reports, opened anew for each reading. `prepare` says which of them are wanted."""

    name: str
    fills: Sequence[Table]
    open_reports: Callable[[Notes, Progress], Reports]
    wanted: Sequence[str] = ()
    bytes_billed: int = 0

    def prepare(self, config: Strict, progress: Progress) -> None:  # noqa: ARG002 - `Source` tells of its steps
        """Takes from the config of `extract` which reports are to be read."""
        wanted = getattr(config, "reports", None)
        if wanted is None:
            raise unknown_step(self.name, config)
        self.wanted = wanted

    def tables(self, notes: Notes, progress: Progress) -> Sequence[TableRows]:
        """The tables of the wanted reports; each row is read from its page when it is asked for."""
        return list(self.open_reports(notes, progress).rows(self.wanted))

    def total(self, progress: Progress) -> Mapping[str, Decimal]:
        """The provider's own total of the day by currency, in the unit of the rows' `amount`."""
        notes = Notes(lambda text: progress.message(text, level="WARNING"))
        return self.open_reports(notes, progress).total()


def open_api(context: SourceContext, vendor: Vendor, progress: Progress) -> ProviderHttp:
    """The vendor's API with the org's key; beats while it reads or waits. Raises `Stop` for what cannot be a key."""
    key = context.credential.decode()
    return replace(vendor, foreign_keys=context.foreign_keys).open(
        context.url, key, context.http(), context.patience, lambda: progress.beat("Pages are being read."), context.time
    )
