"""Where a customer's Cloud Billing export is, what it looks like, and whether we can read it.

Google appends columns over the years and old tables lack some, so every statement asks here first.
Only `find_export` makes calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from cloudact.errors import Stop
from cloudact.source_errors import SET_UP

DEFAULT_DATASET = "billing_export"
DEFAULT_TABLE = "gcp_billing_export"  # the family; Google adds the kind and the billing account's id
REQUIRED = (
    "billing_account_id",
    "cost",
    "credits.amount",
    "currency",
    "export_time",
    "project.id",
    "service.description",
    "service.id",
    "sku.description",
    "sku.id",
    "usage_start_time",
)
"""Without one of these a day cannot be told apart, counted or priced. `credits` is among them because a
table without it would silently give gross cost as net cost."""

# https://cloud.google.com/resource-manager/docs/creating-managing-projects (with the old "domain.com:" prefix),
# https://cloud.google.com/bigquery/docs/datasets#dataset-naming and /tables#table_naming (its ASCII part:
# export tables are named by Google).
PAGE_TABLES, TOO_MANY = 500, 6  # of a list; of a family that can be named
PROJECT = re.compile(r"(?:[a-z0-9][a-z0-9.-]*:)?[a-z][a-z0-9-]*")
DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")
TABLE = re.compile(r"[A-Za-z0-9_-]{1,1024}")


Patience = Callable[[], dict[str, Any]]


class UnusableExport(ValueError):
    """The table is not a Cloud Billing export we can read; the text says what is missing, in plain words."""


class Field(Protocol):
    """A column of a table, e.g. `google.cloud.bigquery.SchemaField`."""

    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> Sequence[Any]: ...


class TableLike(Protocol):
    """What we read of `google.cloud.bigquery.Table`."""

    @property
    def project(self) -> str: ...
    @property
    def dataset_id(self) -> str: ...
    @property
    def table_id(self) -> str: ...
    @property
    def location(self) -> Any: ...
    @property
    def schema(self) -> Any: ...
    @property
    def time_partitioning(self) -> Any: ...
    @property
    def created(self) -> datetime | None: ...


@dataclass(frozen=True)
class ExportTable:
    """A readable export. `columns` are dotted paths such as `cost` and `resource.name`."""

    project: str
    dataset: str
    table: str
    location: str | None
    columns: frozenset[str]
    detailed: bool
    created: datetime | None = None

    def __post_init__(self) -> None:
        for pattern, name in ((PROJECT, self.project), (DATASET, self.dataset), (TABLE, self.table)):
            if not pattern.fullmatch(name):
                raise UnusableExport(f"{name!r} is not a valid BigQuery name in {self}.")
        missing = [path for path in REQUIRED if path not in self.columns]
        if missing:
            raise UnusableExport(f"{self} is not a Cloud Billing export: it has no {', '.join(missing)}.")

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def oldest_date(self) -> date | None:
        """The first date that can have rows; `None` where the table's age is not known.

        Google fills a new export in a multi-region from the start of the month before, and in a region not at all
        (docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage). Its months are those of
        Pacific time, where the first hours of a UTC month belong to the month before: hence a day less.
        """
        if self.created is None:
            return None
        month = (self.created - timedelta(days=1)).date().replace(day=1)
        return (month - timedelta(days=1)).replace(day=1)

    @property
    def quoted(self) -> str:
        """The name for SQL, each part in backticks."""
        return f"`{self.project}`.`{self.dataset}`.`{self.table}`"


def find_export(source: Any, project: str, dataset: str, table: str, patience: Patience = dict) -> ExportTable:
    """The table of that name, or the only one of that family, read with the customer's client `source`.

    `patience` tells the client's `retry` and `timeout` before each call. Raises `Stop`; Google's errors pass through.
    """
    found = _find(source, f"{project}.{dataset}", table, patience)
    try:
        return from_table(found)
    except UnusableExport as err:
        raise Stop("source_unusable", str(err), "Name the table that Cloud Billing exports to.") from err


def _find(source: Any, dataset: str, table: str, patience: Patience) -> Any:
    from google.api_core.exceptions import NotFound

    try:
        return source.get_table(f"{dataset}.{table}", **patience())
    except NotFound:
        family = list(islice(_family(source, dataset, table, patience), TOO_MANY))
    if len(family) != 1:
        raise _not_one(f"{dataset}.{table}", [t.table_id for t in family])
    return source.get_table(family[0].reference, **patience())


def _family(source: Any, dataset: str, table: str, patience: Patience) -> Iterator[Any]:
    """Google adds the kind and the billing account's id. Each page of the list has its own time limit."""
    token = None
    while True:
        listed = source.list_tables(dataset, page_token=token, max_results=PAGE_TABLES, **patience())
        yield from (each for each in listed if each.table_id.startswith(f"{table}_"))
        token = listed.next_page_token
        if not token:
            return


def _not_one(name: str, found: list[str]) -> Stop:
    if found:
        return Stop("source_not_found", f"{name} could be any of {', '.join(sorted(found)[:5])}.", SET_UP)
    return Stop("source_not_found", f"The billing export table {name} does not exist.", SET_UP)


def from_table(table: TableLike) -> ExportTable:
    """The export behind a table of the client library. Raises `UnusableExport` naming what is missing."""
    columns = frozenset(_paths(table.schema))
    export = ExportTable(
        project=table.project,
        dataset=table.dataset_id,
        table=table.table_id,
        location=table.location,
        columns=columns,
        detailed="resource.name" in columns,
        created=table.created,
    )
    partitioning = table.time_partitioning
    # A view over the export is caught here too: it has no _PARTITIONTIME, so every run would scan everything.
    if partitioning is None or partitioning.field is not None:
        raise UnusableExport(
            f"{export} is not partitioned by ingestion time. Name the table that Cloud Billing itself writes, "
            "not a view or a copy of it."
        )
    return export


def _paths(fields: Iterable[Field], prefix: str = "") -> Iterator[str]:
    for field in fields:
        yield prefix + field.name
        yield from _paths(field.fields, f"{prefix}{field.name}.")
