"""Where a customer's Cloud Billing export is, what it looks like, and whether we can read it.

Google appends columns over the years and old tables lack some, so every statement asks here first.
Only `find_export` makes calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypedDict

from cloudact.error_codes import Code
from cloudact.errors import Stop
from providers.gcp.errors import SET_UP
from providers.gcp.names import DATASET, PROJECT, TABLE

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.bigquery import Client, Table
    from google.cloud.bigquery.table import TableListItem

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

_TEXT, _TIME, _TRUTH, _NUMBER = ("STRING",), ("TIMESTAMP",), ("BOOLEAN", "BOOL"), (
    "FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC", "INTEGER", "INT64",
)  # fmt: skip
_RECORD = ("RECORD", "STRUCT")
LISTS = frozenset({"credits", "labels", "project.labels", "system_labels", "tags"})
TYPES = {
    **dict.fromkeys(("export_time", "usage_start_time", "usage_end_time"), _TIME),
    **dict.fromkeys(
        (
            "cost", "cost_at_effective_price_default", "cost_at_list", "credits.amount", "currency_conversion_rate",
            "price.effective_price", "price.list_price", "price.pricing_unit_quantity", "price.tier_start_amount",
            "usage.amount", "usage.amount_in_pricing_units",
        ),
        _NUMBER,
    ),
    "tags.inherited": _TRUTH,
    **dict.fromkeys(
        (
            "adjustment_info.description", "adjustment_info.id", "adjustment_info.mode", "adjustment_info.type",
            "billing_account_id", "consumption_model.description", "consumption_model.id", "cost_type", "credits.type",
            "currency", "invoice.month", "invoice.publisher_type", "labels.key", "labels.value", "location.country",
            "location.location", "location.region", "location.zone", "project.ancestry_numbers", "project.id",
            "project.labels.key", "project.labels.value", "project.name", "project.number", "resource.global_name",
            "resource.name", "seller_name", "service.description", "service.id", "sku.description", "sku.id",
            "subscription.instance_id", "system_labels.key", "system_labels.value", "tags.key", "tags.namespace",
            "tags.value", "transaction_type", "usage.pricing_unit", "usage.unit",
        ),
        _TEXT,
    ),
    **dict.fromkeys(
        (
            "adjustment_info", "consumption_model", "credits", "invoice", "labels", "location", "price", "project",
            "project.labels", "resource", "service", "sku", "subscription", "system_labels", "tags", "usage",
        ),
        _RECORD,
    ),
}  # fmt: skip
"""What every column that a run reads must be, in the API's older names and GoogleSQL's: what Google's own schema says
(docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/detailed-usage); any number for a number."""
FORMATS = {
    "BilledCost": "Cloud Billing's FOCUS export",
    "pricing_as_of_time": "Cloud Billing's pricing export",
    "payer_billing_account_id": "the export for resellers",
}
"""What other tables of Google's are, by a column that only they have."""
MULTI_REGIONS = frozenset({"US", "EU"})
NEEDED = "Name the table that Cloud Billing itself writes: by day of ingestion, not a view or a copy of it."

PAGE_TABLES, TOO_MANY = 500, 6  # of a list; of a family that can be named


class CallLimits(TypedDict, total=False):
    """Arguments of one call of Google's client: how it is tried again, and seconds for one try."""

    retry: Retry
    timeout: float


Patience = Callable[[], CallLimits]
"""Asked before each call for its limits; an empty answer leaves the client its own."""


class UnusableExport(ValueError):
    """The table is not a Cloud Billing export we can read; the text says what is missing, in plain words."""


class Field(Protocol):
    """A column of a table, e.g. `google.cloud.bigquery.SchemaField`."""

    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> Sequence[Field]: ...
    @property
    def field_type(self) -> str: ...
    @property
    def mode(self) -> str: ...


class Partitioning(Protocol):
    """Partitioning of a table, e.g. `google.cloud.bigquery.TimePartitioning`."""

    @property
    def field(self) -> str | None: ...
    @property
    def type_(self) -> str: ...
    @property
    def expiration_ms(self) -> int | None: ...


class TableLike(Protocol):
    """The part of `google.cloud.bigquery.Table` that is read here."""

    @property
    def project(self) -> str: ...
    @property
    def dataset_id(self) -> str: ...
    @property
    def table_id(self) -> str: ...
    @property
    def location(self) -> str | None: ...
    @property
    def schema(self) -> Sequence[Field]: ...
    @property
    def time_partitioning(self) -> Partitioning | None: ...
    @property
    def created(self) -> datetime | None: ...
    @property
    def expires(self) -> datetime | None: ...
    @property
    def table_type(self) -> str | None: ...


@dataclass(frozen=True)
class ExportTable:
    """A readable export. `columns` are dotted paths such as `cost` and `resource.name`.

    `keeps` is how long a partition is kept, counted from its start; `expires` is when the whole table is deleted.
    """

    project: str
    dataset: str
    table: str
    location: str | None
    columns: frozenset[str]
    detailed: bool
    created: datetime | None = None
    keeps: timedelta | None = None
    expires: datetime | None = None

    def __post_init__(self) -> None:
        for pattern, name in ((PROJECT, self.project), (DATASET, self.dataset), (TABLE, self.table)):
            if not pattern.fullmatch(name):
                raise UnusableExport(f"{name!r} is not a valid BigQuery name in {self}.")
        missing = [path for path in REQUIRED if path not in self.columns]
        if missing:
            kind = next((f" It looks like {name}." for mark, name in FORMATS.items() if mark in self.columns), "")
            raise UnusableExport(f"{self} is not a Cloud Billing export: it has no {', '.join(missing)}.{kind}")

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
    def filled_from(self) -> datetime | None:
        """When the table's data begins: its creation, or `oldest_date` where Google fills tables backwards."""
        if self.created is None or (self.location or "").upper() not in MULTI_REGIONS:
            return self.created
        assert self.oldest_date is not None  # noqa: S101 - the table's age is known
        return datetime.combine(self.oldest_date, time(), UTC)

    def lost_by(self, now: datetime) -> date | None:
        """The newest date of which this table may have deleted rows by now; `None` where it deletes none.

        The first rows of a UTC day lie in the partition before it, which goes a day earlier.
        """
        return (now.astimezone(UTC) - self.keeps + timedelta(days=1)).date() if self.keeps else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about rows that the table will delete, shown when the integration is set up."""
        sentences = []
        if self.keeps:
            sentences.append(
                f"{self} deletes partitions after {days_of(self.keeps)} days. Dates older than that will be frozen: "
                "what is loaded of them is kept and only added to, and what was not loaded by then is lost."
            )
        if self.expires:
            sentences.append(f"{self} itself will be deleted on {self.expires.date()}: that is its expiration time.")
        return tuple(sentences)

    @property
    def quoted(self) -> str:
        """The name for SQL, each part in backticks."""
        return f"`{self.project}`.`{self.dataset}`.`{self.table}`"


def find_export(source: Client, project: str, dataset: str, table: str, patience: Patience = CallLimits) -> ExportTable:
    """The table of that name, or the only one of that family, read with the customer's client `source`.

    `patience` tells the client's `retry` and `timeout` before each call. Raises `Stop`; Google's errors pass through.
    """
    stored = _find(source, f"{project}.{dataset}", table, patience)
    try:
        return from_table(stored)
    except UnusableExport as err:
        raise Stop(Code.SOURCE_UNUSABLE, str(err), NEEDED) from err


def _find(source: Client, dataset: str, table: str, patience: Patience) -> Table:
    from google.api_core.exceptions import NotFound

    try:
        return source.get_table(f"{dataset}.{table}", **patience())
    except NotFound:
        family = list(islice(_family(source, dataset, table, patience), TOO_MANY))
    if len(family) != 1:
        raise _not_one(f"{dataset}.{table}", [t.table_id for t in family])
    return source.get_table(family[0].reference, **patience())


def _family(source: Client, dataset: str, table: str, patience: Patience) -> Iterator[TableListItem]:
    """Yields the tables whose names Google has made from `table`: it adds the kind and the billing account's id.

    Each page of the list has its own time limit.
    """
    token = None
    while True:
        listed = source.list_tables(dataset, page_token=token, max_results=PAGE_TABLES, **patience())
        yield from (each for each in listed if each.table_id.startswith(f"{table}_"))
        token = listed.next_page_token
        if not token:
            return


def _not_one(name: str, tables: list[str]) -> Stop:
    if tables:
        return Stop(Code.SOURCE_NOT_FOUND, f"{name} could be any of {', '.join(sorted(tables)[:5])}.", SET_UP)
    return Stop(Code.SOURCE_NOT_FOUND, f"The billing export table {name} does not exist.", SET_UP)


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
        keeps=_keeps(table.time_partitioning),
        expires=table.expires,
    )
    wrong = _wrong_layout(table) or _wrong_types(table.schema)
    if wrong:
        raise UnusableExport(f"{export} {wrong}")
    return export


def _keeps(partitioning: Partitioning | None) -> timedelta | None:
    milliseconds = partitioning.expiration_ms if partitioning else None
    return timedelta(milliseconds=int(milliseconds)) if milliseconds else None


def _wrong_layout(table: TableLike) -> str | None:
    """The sentence about a layout that hides a date's partitions; `None` for one that does not.

    A view has no `_PARTITIONTIME`, so every run would scan everything, and so would one of a copy's other partitions.
    """
    if table.table_type not in (None, "TABLE", "SNAPSHOT", "CLONE"):
        return f"is a {table.table_type.replace('_', ' ').lower()} and not partitioned by ingestion time."
    partitioning = table.time_partitioning
    if partitioning is None:
        return "is not partitioned by ingestion time, nor in time at all."
    if partitioning.field is not None:
        return f"is partitioned by its column {partitioning.field}, not partitioned by ingestion time."
    if partitioning.type_ not in ("DAY", "HOUR"):
        return f"has a partition for each {partitioning.type_.lower()} of ingestion, not for each day."
    return None


def _wrong_types(fields: Sequence[Field], prefix: str = "") -> str | None:
    """The sentence about the first column of a wrong type, as in a table loaded from a file; `None` for none."""
    for field in fields:
        path = prefix + field.name
        wrong = _wrong_type(field, path) or _wrong_types(field.fields, f"{path}.")
        if wrong:
            return wrong
    return None


def _wrong_type(field: Field, path: str) -> str | None:
    needed = TYPES.get(path)
    if needed is None:
        return None
    column, is_list = f"is not a Cloud Billing export: its column {path}", field.mode == "REPEATED"
    if field.field_type not in needed:
        return f"{column} is {field.field_type}, not {needed[0]}."
    if is_list is not (path in LISTS):
        return f"{column} is {'a' if is_list else 'no'} list, not {'one' if is_list else 'a list of'} {needed[0]}."
    return None


def days_of(span: timedelta) -> str:
    """The number of days as text, with a fraction only where there is one."""
    return f"{span / timedelta(days=1):g}"


def _paths(fields: Iterable[Field], prefix: str = "") -> Iterator[str]:
    for field in fields:
        yield prefix + field.name
        yield from _paths(field.fields, f"{prefix}{field.name}.")
