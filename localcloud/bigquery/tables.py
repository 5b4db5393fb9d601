"""Tables and views: their resources in the catalog and the DuckDB objects that hold them.

A resource is Google's REST `Table`. Changes are planned as DDL first, so that a load can apply them in the transaction
in which it writes its rows.
"""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from bqemulator.api.dependencies import AppContext
from bqemulator.api.routes.tables import _rest_to_table_meta, _table_to_rest
from bqemulator.catalog.models import DatasetMeta, TableSchema
from bqemulator.config import PersistenceMode
from bqemulator.domain.errors import AlreadyExistsError, NotFoundError, ValidationError
from bqemulator.storage.sql_identifiers import quoted_table_ref, schema_name

from localcloud.bigquery.engine import LocalEngine
from localcloud.bigquery.partitions import ingestion_column, is_ingestion_partitioned
from localcloud.bigquery.row_counts import ALL, RowCounts
from localcloud.bigquery.schemas import Field, by_name, duckdb_type, normalized, quoted, row_width
from localcloud.bigquery.unmade_views import UnmadeViews

Resource = dict[str, Any]
SHARED_SCHEMAS = 1000


@dataclass(frozen=True, order=True)
class TableRef:
    """The name of a table or view."""

    project: str
    dataset: str
    table: str

    @classmethod
    def of(cls, reference: dict[str, str], project: str) -> TableRef:
        """From a REST `tableReference`; the project is the job's when it names none."""
        return cls(reference.get("projectId") or project, reference.get("datasetId", ""), reference.get("tableId", ""))

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

    @property
    def schema(self) -> str:
        """DuckDB's name of the dataset, without quotes."""
        return str(schema_name(self.project, self.dataset))

    @property
    def sql(self) -> str:
        """The quoted DuckDB name."""
        return str(quoted_table_ref(self.project, self.dataset, self.table))


@dataclass(frozen=True)
class TableChange:
    """A table resource as it will be, and the DDL that makes DuckDB follow."""

    ref: TableRef
    resource: Resource
    ddl: tuple[str, ...] = ()


class Changes:
    """How often each table has changed: whoever remembers what follows from some of them asks whether it still does."""

    def __init__(self) -> None:
        self._of_each: Counter[TableRef] = Counter()
        self._of_all = 0

    def add(self, ref: TableRef) -> None:
        """One table was made, changed or dropped."""
        self._of_each[ref] += 1

    def add_all(self) -> None:
        """Any table may have changed."""
        self._of_all += 1

    def of(self, refs: Iterable[TableRef]) -> Seen:
        """The present state of tables, whether they exist or not."""
        return Seen({ref: self._of_each[ref] for ref in refs}, self._of_all)

    def since(self, seen: Seen) -> bool:
        """Whether one of the tables has changed since."""
        return seen != self.of(seen.each)


@dataclass(frozen=True)
class Seen:
    """The number of changes of some tables, and of those that may be of any."""

    each: Mapping[TableRef, int]
    of_all: int


class Tables:
    """The catalog of one server."""

    def __init__(self, context: AppContext, engine: LocalEngine) -> None:
        self.catalog = context.catalog
        self.clock = context.clock
        self.engine = engine
        self.changes = Changes()
        self.row_counts = RowCounts()
        self.unmade = UnmadeViews(engine.execute)
        self._in_memory = context.settings.persistence_mode is PersistenceMode.EPHEMERAL
        self._opened = self.clock.now_ms()
        self._written: dict[TableRef, tuple[int, int]] = {}  # when rows last changed, and how often since we opened
        self.expiring = dict(self._expiring())  # tables that expire, or partitions of theirs
        self.unswept = set(self.expiring)  # those that may have rows which have expired
        self.due: list[tuple[datetime, TableRef]] = []  # a heap: when the others may next have some

    def _expiring(self) -> Iterator[tuple[TableRef, Resource]]:
        for dataset in self.catalog.list_all_datasets():
            for meta in self.catalog.list_tables(dataset.project_id, dataset.dataset_id):
                ref = TableRef(meta.project_id, meta.dataset_id, meta.table_id)
                if _expires(resource := self.get(ref)):
                    yield ref, resource

    def appended(self, ref: TableRef, number: int) -> None:
        """So many rows were added, outside a transaction."""
        self.row_counts.added(ref, number)
        self._modified((ref,))

    def wrote(self, refs: Iterable[TableRef]) -> None:
        """Rows were written, or deleted: the tables are modified, and some rows may have expired already."""
        refs = tuple(refs)
        self.row_counts.forget(refs)
        self._modified(refs)

    def _modified(self, refs: tuple[TableRef, ...]) -> None:
        for ref in refs:
            self._written[ref] = (self.clock.now_ms(), self._written.get(ref, (0, 0))[1] + 1)
        self.unswept.update(ref for ref in refs if ref in self.expiring)

    def find(self, ref: TableRef) -> Resource | None:
        """The resource of a table or view, or None."""
        meta = self.catalog.get_table(ref.project, ref.dataset, ref.table)
        if meta is None:
            return None
        resource: Resource = _table_to_rest(meta)
        resource.setdefault("schema", {"fields": []})
        if ref in self._written:
            at, times = self._written[ref]
            resource["lastModifiedTime"] = str(max(at, int(resource["lastModifiedTime"])))
            resource["etag"] = f"{resource['etag']}.{self._opened}.{times}"
        if meta.expiration_time:
            resource["expirationTime"] = str(int(meta.expiration_time.timestamp() * 1000))
        if meta.view_query:
            resource["view"] = {"query": meta.view_query, "useLegacySql": False}
        return resource

    def get(self, ref: TableRef) -> Resource:
        """The resource; raises NotFoundError."""
        resource = self.find(ref)
        if resource is None:
            raise _not_found(ref)
        return resource

    def schema(self, ref: TableRef) -> TableSchema:
        """The columns as the catalog has them, without the making of a resource; raises NotFoundError."""
        meta = self.catalog.get_table(ref.project, ref.dataset, ref.table)
        if meta is None:
            raise _not_found(ref)
        schema: TableSchema = meta.schema_
        return schema

    def described(self, ref: TableRef, predicate: str = "TRUE") -> Resource:
        """The resource with its present size, of one partition if a predicate is given."""
        dataset = self.catalog.get_dataset(ref.project, ref.dataset)
        resource = {**self.get(ref), "location": dataset.location if dataset else "US"}
        if resource["type"] == "TABLE":
            rows = self.count(ref, predicate)
            size = str(rows * row_width(resource["schema"]["fields"]))
            resource.update(numRows=str(rows), numBytes=size, numTotalLogicalBytes=size, numActiveLogicalBytes=size)
        return resource

    def count(self, ref: TableRef, predicate: str = ALL) -> int:
        """The number of rows, within a transaction as that has written them."""
        if self.engine.in_transaction:
            return self._count(ref, predicate)
        return self.row_counts.of(ref, predicate, lambda: self._count(ref, predicate))

    def _count(self, ref: TableRef, predicate: str) -> int:
        row = self.engine.execute(f"SELECT COUNT(*) FROM {ref.sql} WHERE {predicate}").fetchone()
        return int(row[0]) if row else 0

    def creation(self, ref: TableRef, body: Resource) -> TableChange:
        """A new table; raises NotFoundError without its dataset, ValidationError for a bad schema."""
        dataset = self.catalog.get_dataset(ref.project, ref.dataset)
        if dataset is None:
            raise NotFoundError(f"Not found: Dataset {ref.project}:{ref.dataset} was not found in location US")
        resource = _resource(ref, inherited(body, dataset, self.clock.now()))
        return TableChange(ref, resource, (f"CREATE TABLE {ref.sql} ({_columns(resource)})",))

    def replacement(self, ref: TableRef, body: Resource) -> TableChange:
        """The table anew, with another schema and none of its rows."""
        created = self.creation(ref, body)
        return TableChange(ref, created.resource, (f"DROP TABLE IF EXISTS {ref.sql}", *created.ddl))

    def extension(self, ref: TableRef, resource: Resource, added: list[Field]) -> TableChange:
        """The table with columns added; raises ValidationError for a REQUIRED one."""
        required = next((f["name"] for f in added if f["mode"] == "REQUIRED"), None)
        if required:
            raise ValidationError(f"Cannot add required fields to an existing schema. (field: {required})")
        ddl = tuple(f"ALTER TABLE {ref.sql} ADD COLUMN {quoted(f['name'])} {duckdb_type(f)}" for f in added)
        fields = [*resource["schema"]["fields"], *added]
        return TableChange(ref, {**resource, "schema": {"fields": fields}}, ddl)

    def apply(self, change: TableChange) -> None:
        """Make the change by itself."""
        self.prepare(change)
        with self.engine.transaction():
            self.execute(change)
        self.record(change)

    def prepare(self, change: TableChange) -> None:
        """Make the views that read the table as it is, before the transaction of a change."""
        self.unmade.make([change.ref])
        if change.ddl:
            self.unmade.make_readers([change.ref])

    def execute(self, change: TableChange) -> None:
        """Run the DDL of a change, within the caller's transaction."""
        for statement in change.ddl:
            self.engine.execute(statement)

    def record(self, change: TableChange) -> None:
        """Enter the change into the catalog, after its transaction."""
        ref = change.ref
        existing = self.catalog.get_table(ref.project, ref.dataset, ref.table)
        meta = _rest_to_table_meta(ref.project, ref.dataset, change.resource, self.clock, existing)
        meta = meta.model_copy(update={"schema_": _shared(meta.schema_)})
        expires = change.resource.get("expirationTime")
        if expires:
            meta = meta.model_copy(update={"expiration_time": datetime.fromtimestamp(int(expires) / 1000, UTC)})
        save = self.catalog.create_table if existing is None else self.catalog.update_table
        save(meta)
        self._forget(ref)
        if _expires(change.resource):
            self.expiring[ref] = change.resource
            self.unswept.add(ref)

    def create(self, ref: TableRef, body: Resource, *, exists_ok: bool = False) -> None:
        """Make a table; raises AlreadyExistsError."""
        if self.find(ref) is None:
            self.apply(self.creation(ref, body))
        elif not exists_ok:
            raise AlreadyExistsError(f"Already Exists: Table {ref}")

    def create_all(self, bodies: Iterable[tuple[TableRef, Resource]]) -> None:
        """Make tables that are not there yet, all or none of them; raises AlreadyExistsError."""
        changes = [self.creation(ref, body) for ref, body in bodies]
        taken = next((change.ref for change in changes if self.find(change.ref) is not None), None)
        if taken:
            raise AlreadyExistsError(f"Already Exists: Table {taken}")
        with self.engine.transaction():
            for change in changes:
                self.execute(change)
        for change in changes:
            self.record(change)

    def define_view(
        self, ref: TableRef, query: str, duckdb_sql: str, fields: list[Field], reads: Iterable[TableRef] | None = None
    ) -> None:
        """Make or replace a view from its GoogleSQL and its translation.

        If it is told all that a new one `reads`, through others too, and that DuckDB accepts it, then it waits until
        somebody reads it; not one that is kept on disk.
        """
        resource = {**_resource(ref, {"schema": {"fields": fields}}), "type": "VIEW", "view": {"query": query}}
        change = TableChange(ref, resource, (f"CREATE OR REPLACE VIEW {ref.sql} AS {duckdb_sql}",))
        if reads is None or not self._in_memory or self.find(ref) or not self._has_dataset(ref):
            self.unmade.make(reads or ())
            self.apply(change)
        else:
            self.record(change)
            self.unmade.add(ref, change.ddl[0], reads)

    def _has_dataset(self, ref: TableRef) -> bool:
        return self.catalog.get_dataset(ref.project, ref.dataset) is not None

    def drop(self, ref: TableRef) -> None:
        """Remove a table or view; raises NotFoundError."""
        kind = "VIEW" if self.get(ref)["type"] == "VIEW" else "TABLE"
        self.unmade.make_readers([ref])
        self.unmade.forget(ref)
        self.engine.execute(f"DROP {kind} IF EXISTS {ref.sql}")
        self.catalog.delete_table(ref.project, ref.dataset, ref.table)
        self._forget(ref)

    def _forget(self, ref: TableRef) -> None:
        """Forgets what followed from the table as it was."""
        self.changes.add(ref)
        self.row_counts.forget([ref])
        self.expiring.pop(ref, None)
        self.unswept.discard(ref)


def _not_found(ref: TableRef) -> NotFoundError:
    return NotFoundError(f"Not found: Table {ref} was not found in location US")


@lru_cache(SHARED_SCHEMAS)
def _shared(schema: TableSchema) -> TableSchema:
    """One object for all tables of these columns: every org has the same ones, a megabyte in each."""
    return schema


def missing_fields(resource: Resource, given: list[Field]) -> list[Field]:
    """Those of the given fields that the table does not have."""
    known = by_name(resource["schema"]["fields"])
    return [field for field in given if field["name"].lower() not in known]


def inherited(body: Resource, dataset: DatasetMeta, now: datetime) -> Resource:
    """The body of a new table with what its dataset sets by default, unless it says otherwise itself."""
    spec: dict[str, Any] = body.get("timePartitioning") or {}
    if spec and dataset.default_partition_expiration_ms is not None:
        expiring = {"expirationMs": str(dataset.default_partition_expiration_ms)}
        return {**body, "timePartitioning": expiring | {k: v for k, v in spec.items() if v is not None}}
    if dataset.default_table_expiration_ms is not None and not body.get("expirationTime"):
        at = now + timedelta(milliseconds=int(dataset.default_table_expiration_ms))
        return {**body, "expirationTime": str(int(at.timestamp() * 1000))}
    return body


def _expires(resource: Resource) -> bool:
    return bool(resource.get("expirationTime") or (resource.get("timePartitioning") or {}).get("expirationMs"))


def _resource(ref: TableRef, body: Resource) -> Resource:
    reference = {"projectId": ref.project, "datasetId": ref.dataset, "tableId": ref.table}
    fields = normalized((body.get("schema") or {}).get("fields") or [])
    return {**body, "tableReference": reference, "schema": {"fields": fields}}


def _columns(resource: Resource) -> str:
    columns = [
        f"{quoted(f['name'])} {duckdb_type(f)}" + (" NOT NULL" if f["mode"] == "REQUIRED" else "")
        for f in resource["schema"]["fields"]
    ]
    if is_ingestion_partitioned(resource):
        columns.append(ingestion_column(resource))
    if not columns:
        raise ValidationError("Schema has no fields.")
    return ", ".join(columns)
