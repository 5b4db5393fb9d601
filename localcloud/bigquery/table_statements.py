"""CREATE, ALTER and DROP of tables, views and schemas, run against our tables."""

# ruff: noqa: S608 - every name in the SQL is quoted, every value a literal of ours
from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pyarrow as pa
from bqemulator.catalog.models import DatasetMeta
from bqemulator.domain.errors import AlreadyExistsError, InvalidQueryError
from bqemulator.storage.sql_identifiers import quoted_schema
from sqlglot import exp

from localcloud.bigquery import ddl, destinations
from localcloud.bigquery.new_view import NewView
from localcloud.bigquery.results import Result, result_of
from localcloud.bigquery.schemas import Field, normalized, quoted
from localcloud.bigquery.sql import names
from localcloud.bigquery.sql.parameters import Parameter, values
from localcloud.bigquery.tables import TableChange, TableRef, Tables
from localcloud.bigquery.translation import Scope, Translation, Translator

Read = Callable[[Translation], Awaitable[pa.Table]]


def handles(tree: exp.Expression) -> bool:
    """Whether the statement is one of ours."""
    kind = str(tree.args.get("kind") or "").upper()
    if isinstance(tree, exp.Create):
        return kind in ("TABLE", "VIEW", "SCHEMA") and not _is_special(tree)
    if isinstance(tree, exp.Drop):
        return kind in ("TABLE", "VIEW") and not tree.args.get("materialized")
    return isinstance(tree, exp.Alter)


def _is_special(create: exp.Create) -> bool:
    special = (exp.MaterializedProperty, exp.LikeProperty, exp.TemporaryProperty)
    return bool(create.args.get("clone") or create.find(*special))


async def run(
    tables: Tables, translator: Translator, tree: exp.Expression, scope: Scope, parameters: list[Parameter], read: Read
) -> NewView | None:
    """Run the statement, whose tree it changes, and return the view that it has made, if any; raises DomainError.

    The query of a CREATE TABLE AS SELECT is done by `read`, before anything changes.
    """
    if isinstance(tree, exp.Create) and tree.kind == "SCHEMA":
        _create_schema(tables, tree, scope)
        return None
    names.qualify(tree, scope.project, scope.dataset)
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    ref = names.table_ref(target)
    if isinstance(tree, exp.Drop):
        _drop(tables, tree, ref)
    elif isinstance(tree, exp.Alter):
        _alter(tables, tree, ref)
    elif isinstance(tree, exp.Create) and tree.kind == "VIEW":
        return _create_view(tables, translator, tree, ref, scope)
    elif isinstance(tree, exp.Create):
        await _create_table(tables, translator, tree, ref, scope, parameters, read)
    return None


def _create_schema(tables: Tables, create: exp.Create, scope: Scope) -> None:
    project, _, dataset = create.this.db.rpartition(".")
    project = project or create.this.catalog or scope.project
    if tables.catalog.get_dataset(project, dataset) is not None:
        if not create.args.get("exists"):
            raise AlreadyExistsError(f"Already Exists: Dataset {project}:{dataset}")
        return
    tables.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted_schema(project, dataset)}")
    now, options = tables.clock.now(), ddl.options(create)
    tables.catalog.create_dataset(
        DatasetMeta(
            project_id=project, dataset_id=dataset, creation_time=now, last_modified_time=now, etag=uuid4().hex,
            description=options.get("description"), location=_location(create),
            default_table_expiration_ms=ddl.milliseconds(options.get("default_table_expiration_days")),
            default_partition_expiration_ms=ddl.milliseconds(options.get("default_partition_expiration_days")),
        )
    )  # fmt: skip


def _location(create: exp.Create) -> str:
    given = create.find(exp.LocationProperty)
    return str(given.this.name) if given else "US"


def _drop(tables: Tables, drop: exp.Drop, ref: TableRef) -> None:
    if not drop.args.get("exists") or tables.find(ref) is not None:
        tables.drop(ref)


def _alter(tables: Tables, alter: exp.Alter, ref: TableRef) -> None:
    actions = alter.args.get("actions") or []
    if actions and all(isinstance(action, exp.ColumnDef) for action in actions):
        _add_columns(tables, alter, ref)
    elif actions and all(isinstance(action, exp.AlterSet) for action in actions):
        _set_options(tables, alter, ref)
    elif actions and all(isinstance(action, exp.AlterColumn) and action.args.get("comment") for action in actions):
        _describe_columns(tables, actions, ref)
    else:
        raise InvalidQueryError(f"[local BigQuery] not emulated: {alter.sql(dialect='bigquery')}", location="query")


def _set_options(tables: Tables, alter: exp.Alter, ref: TableRef) -> None:
    given = {name: value for node in alter.find_all(exp.Properties) for name, value in ddl.values(node).items()}
    changed = {name: given[name] for name in ("description",) if name in given}
    if "labels" in given:
        changed["labels"] = dict(given["labels"])
    resource = tables.get(ref)
    if ddl.PARTITION_DAYS in given:
        changed["timePartitioning"] = ddl.keeping(resource.get("timePartitioning") or {}, given[ddl.PARTITION_DAYS])
    tables.apply(TableChange(ref, {**resource, **changed}))


def _describe_columns(tables: Tables, actions: list[exp.Expression], ref: TableRef) -> None:
    resource = tables.get(ref)
    described = {action.name.lower(): action.args["comment"].to_py() for action in actions}
    known = {field["name"].lower() for field in resource["schema"]["fields"]}
    missing = [action.name for action in actions if action.name.lower() not in known and not action.meta["exists"]]
    if missing:
        raise InvalidQueryError(f"Column not found: {missing[0]}", location="query")
    fields = [
        {**field, "description": described.get(field["name"].lower(), field.get("description"))}
        for field in resource["schema"]["fields"]
    ]
    tables.apply(TableChange(ref, {**resource, "schema": {**resource["schema"], "fields": fields}}))


def _add_columns(tables: Tables, alter: exp.Alter, ref: TableRef) -> None:
    resource = tables.get(ref)
    known = {field["name"].lower() for field in resource["schema"]["fields"]}
    columns = [c for c in alter.args["actions"] if not (c.args.get("exists") and c.name.lower() in known)]
    fields = normalized(ddl.column_fields(columns))
    taken = next((field["name"] for field in fields if field["name"].lower() in known), None)
    if taken:
        raise AlreadyExistsError(f"Column already exists: {taken}")
    tables.apply(tables.extension(ref, resource, fields))


def define_view(tables: Tables, view: NewView) -> None:
    """Makes or replaces a view that DuckDB has accepted before; raises DomainError."""
    if not _is_left_alone(tables, view.ref, exists_ok=view.exists_ok, replaces=view.replaces):
        tables.define_view(view.ref, view.text, view.duckdb_sql, view.fields, view.reads)


def _is_left_alone(tables: Tables, ref: TableRef, *, exists_ok: bool, replaces: bool) -> bool:
    exists = tables.find(ref) is not None
    if exists and not exists_ok and not replaces:
        raise AlreadyExistsError(f"Already Exists: Table {ref}")
    return exists and exists_ok


def _create_view(
    tables: Tables, translator: Translator, create: exp.Create, ref: TableRef, scope: Scope
) -> NewView | None:
    how = {"exists_ok": bool(create.args.get("exists")), "replaces": bool(create.args.get("replace"))}
    if _is_left_alone(tables, ref, **how):
        return None
    text = create.expression.sql(dialect="bigquery")
    translation = translator.translate_tree(create.expression, scope, [])
    sql = f"SELECT * FROM ({translation.sql}) AS named{_column_names(create)}"
    tables.unmade.make(translation.named)
    described = result_of(tables.engine.fetch(f"{sql} LIMIT 0", values([], translation.used)))
    view = NewView(ref, text, sql, _described(create, normalized(described.fields)), sorted(translation.named), **how)
    tables.define_view(view.ref, view.text, view.duckdb_sql, view.fields)
    return view


def _described(create: exp.Create, fields: list[Field]) -> list[Field]:
    """The fields with the descriptions that the column list gives."""
    columns = create.this.expressions if isinstance(create.this, exp.Schema) else []
    given = {column.name: ddl.description(column) for column in columns if isinstance(column, exp.ColumnDef)}
    return [field | {"description": text} if (text := given.get(field["name"])) else field for field in fields]


def _column_names(create: exp.Create) -> str:
    if not isinstance(create.this, exp.Schema):
        return ""
    return "(" + ", ".join(quoted(column.name) for column in create.this.expressions) + ")"


async def _create_table(
    tables: Tables, translator: Translator, create: exp.Create, ref: TableRef, scope: Scope, given: list[Parameter],
    read: Read,
) -> None:  # fmt: skip
    replaces = bool(create.args.get("replace"))
    if tables.find(ref) is not None and not replaces:
        if create.args.get("exists"):
            return
        raise AlreadyExistsError(f"Already Exists: Table {ref}")
    body, result = ddl.table_body(create), Result()
    if create.expression is not None:
        translation = translator.translate_tree(create.expression, scope, given)
        result = result_of(await read(translation))
        body["schema"]["fields"] = body["schema"]["fields"] or result.fields
    change = tables.replacement(ref, body) if replaces else tables.creation(ref, body)
    if result.num_rows:
        destinations.fill(tables, change, result)
    else:
        tables.apply(change)
        tables.row_counts.begin(ref)
