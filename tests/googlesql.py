"""The SQL gate: analyses GoogleSQL with Google's own analyzer (ZetaSQL compiled to WASM, PyPI `zetasql`).

A `GoogleSql` holds a catalog. Tables and views enter it as the scripts we ship (`sql/**/*.sql`) or as a
BigQuery schema in JSON; `analyze` then answers a statement's output columns or raises `AnalysisError` with
the analyzer's own words. It checks names, types, signatures and grouping, and knows nothing of quotas,
pruning or INFORMATION_SCHEMA. `gate()` is the catalog of everything we ship, built once per process.

The analyzer knows no time and no state: the same statement over the same tables, asked of the same version, has the
same answer. Answers are kept in `.pytest_cache`, refusals are not.
"""

from __future__ import annotations

import atexit
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from google.protobuf import empty_pb2
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import options_pb2, simple_catalog_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as language_pb2
from zetasql.wasi._pb2.zetasql.public import simple_table_pb2, type_pb2
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2 as node_kind

from cloudact.settings import ROOT
from cloudact.warehouse.queries import ORG_DATASET
from cloudact.warehouse.scripts import Scope, Script, load_scripts
from tests.kept_answers import KeptAnswers

INGESTION_TIME = {"_PARTITIONTIME": "TIMESTAMP", "_PARTITIONDATE": "DATE"}
"""The pseudo columns of an ingestion-time partitioned table, for `GoogleSql.add_schema`."""
_BLANKED = re.compile(rb"[^\n]")
_REGISTERED: OrderedDict[bytes, int] = OrderedDict()


class AnalysisError(AssertionError):
    """GoogleSQL refuses the statement; the text is the analyzer's message followed by the statement."""


@dataclass(frozen=True)
class Column:
    """One output column: its name and its type as GoogleSQL writes it, e.g. `ARRAY<STRING>`."""

    name: str
    type: str


@cache
def gate(folder: str = "") -> GoogleSql:
    """The catalog of the scripts that ship (`organizations` or `org`; both without a folder), in their order."""
    if not folder:
        return gate("org").copy().add_scripts(load_scripts(Scope.SERVICE))
    return GoogleSql().add_scripts(load_scripts(Scope(folder)))


def gate_with(scripts: Iterable[Script]) -> GoogleSql:
    """The catalog of an org's scripts that ship, with those of `scripts` that do not, and the views after them."""
    shipped = {script.label for script in load_scripts(Scope.ORG)}
    given = tuple(scripts)
    first = next(number for number, script in enumerate(given) if script.label not in shipped)
    return gate("org").copy().add_scripts(s for s in given[first:] if s.label not in shipped or s.version is None)


def parameter_types(parameters: Iterable[Any]) -> dict[str, str]:
    """`{name: type}` of the client library's named scalar and array query parameters."""
    return {p.name: f"ARRAY<{p.array_type}>" if hasattr(p, "array_type") else _standard(p.type_) for p in parameters}


class GoogleSql:
    """A catalog that grows by DDL, and the analyzer over it.

    Speaks protobuf with ZetaSQL's local service: the package's own object model is ten times slower.
    """

    def __init__(self) -> None:
        self._tables: dict[str, tuple[Sequence[str], Any]] = {}

    def copy(self) -> GoogleSql:
        """A catalog that may grow without changing this one: tests share `gate()` and add to a copy."""
        other = GoogleSql()
        other._tables.update(self._tables)
        return other

    def catalog(self, sql: str) -> Any:
        """The catalog of the tables whose names occur in a statement: no other can make a difference to it."""
        made = simple_catalog_pb2.SimpleCatalogProto(name="bigquery")
        made.builtin_function_options.language_options.CopyFrom(_language())
        text = sql.lower()
        for path, table in self._tables.values():
            if path[-1].lower() in text:
                _place(made, path, table)
        return made

    def add_scripts(self, scripts: Iterable[Script]) -> GoogleSql:
        """Add every table and view of the scripts, each of which may read what those before it make."""
        for script in scripts:
            try:
                self.add_script(script.text)
            except AnalysisError as error:
                raise AnalysisError(f"{script.place}: {error}") from error
        return self

    def add_script(self, sql: str) -> GoogleSql:
        """Analyze a script of statements; what CREATE TABLE, CREATE VIEW and ADD COLUMN make is known from then on.

        Adding a table again replaces it, as `CREATE OR REPLACE` does.
        """
        for statement in self._statements(sql.replace(f"{ORG_DATASET}.", "")):  # queries name no org's dataset
            path, columns = field(statement, "name_path"), field(statement, "column_definition_list")
            if path and columns:
                self._put(path, [(c.name, c.type) for c in columns])
            elif path and (added := _added_columns(statement)):
                known = [(c.name, type_of(c.type)) for c in self.columns(".".join(path))]
                new = [column for column in added if column[0].lower() not in {name.lower() for name, _ in known}]
                self._put(path, [*known, *new])
        return self

    def add_schema(
        self, name: str, schema: Sequence[Mapping[str, Any]], pseudo: Mapping[str, str] | None = None
    ) -> GoogleSql:
        """Add the table `project.dataset.table` of a BigQuery schema in JSON.

        `pseudo` maps columns that `SELECT *` does not show to their types, see `INGESTION_TIME`.
        """
        columns = [(field["name"], type_of(_sql_type(field))) for field in schema]
        self._put(name.split("."), columns, [(n, type_of(t)) for n, t in (pseudo or {}).items()])
        return self

    def analyze(self, sql: str, parameters: Mapping[str, str] | None = None) -> tuple[Column, ...]:
        """The output columns of one statement (none for DML and DDL).

        `parameters` are `{name: type}` of the query parameters. Raises `AnalysisError`.
        """
        statement = _analyze(self, sql, parameters or {}).resolved_statement
        outputs = field(node(statement), "output_column_list") or []
        return tuple(Column(out.name, _written(out.column.type)) for out in outputs)

    def columns(self, name: str) -> tuple[Column, ...]:
        """The columns of a table or view in the catalog, by its (dotted) name, in the order of its DDL."""
        if name.lower() not in self._tables:
            raise AnalysisError(f"Table not found: {name}")
        _, table = self._tables[name.lower()]
        return tuple(Column(c.name, _written(c.type)) for c in table.column if not c.is_pseudo_column)

    def _statements(self, sql: str) -> Iterator[Any]:
        text, position = sql.encode(), 0
        while text[position:].strip():
            # What is done is blank, so that its tables are not asked for; the analyzer's words tell the same lines.
            response = _analyze(self, (_BLANKED.sub(b" ", text[:position]) + text[position:]).decode(), {}, position)
            yield node(response.resolved_statement)
            position = response.resume_byte_position

    def _put(
        self, path: Sequence[str], columns: Iterable[tuple[str, Any]], pseudo: Iterable[tuple[str, Any]] = ()
    ) -> None:
        table = simple_table_pb2.SimpleTableProto(name=path[-1])
        for name, type_ in columns:
            table.column.add(name=name, type=type_)
        for name, type_ in pseudo:
            table.column.add(name=name, type=type_, is_pseudo_column=True)
        self._tables[".".join(path).lower()] = (path, table)


def resolved(sql: GoogleSql, statement: str) -> Any:
    """The analyzer's resolved tree of a statement without parameters."""
    return node(_analyze(sql, statement, {}).resolved_statement)


def type_of(written: str) -> Any:
    """The analyzer's type of any type as GoogleSQL (or the REST API) writes it."""
    return _column_type(_standard(written))


@cache
def _column_type(written: str) -> Any:
    response = _analyze(GoogleSql(), f"CREATE TABLE t (c {written})", {})
    return field(node(response.resolved_statement), "column_definition_list")[0].type


def _analyze(known: GoogleSql, sql: str, parameters: Mapping[str, str], position: int | None = None) -> Any:
    request = service.AnalyzeRequest(options=analyzer_options(parameters))
    if position is None:
        request.sql_statement = sql
    else:
        request.parse_resume_location.input = sql
        request.parse_resume_location.byte_position = position
    return kept("Analyze", request, service.AnalyzeResponse, _bytes(known.catalog(sql)))


def analyzer_options(parameters: Mapping[str, str]) -> Any:
    """The analyzer's options with `{name: type}` of the query parameters."""
    options = options_pb2.AnalyzerOptionsProto(language_options=_language(), default_timezone="UTC")
    for name, written in parameters.items():
        options.query_parameters.add(name=name, type=type_of(written))
    return options


def call(method: str, request: Any, response: Any) -> Any:
    """One call of ZetaSQL's local service. Raises `AnalysisError`."""
    from zetasql.core.exceptions import ServerError

    try:
        return _wasm().call_grpc_func(f"ZetaSqlLocalService_{method}", request, response)
    except ServerError as error:
        raise AnalysisError(f"{error.message}\n\n{getattr(request, 'sql_statement', '')}") from error


def kept(method: str, request: Any, response: Any, catalog: bytes | None = None) -> Any:
    """The answer of ZetaSQL's local service, over the catalog if one is given, or the kept one of an earlier call.

    Only for what depends on nothing but the request. Raises `AnalysisError`.
    """
    question = b"\0".join([method.encode(), _bytes(request), catalog or b""])
    if (answer := _answers().find(question)) is not None:
        return response.FromString(answer)
    if catalog is not None:
        request.registered_catalog_id = _registered(catalog)
    said = call(method, request, response)
    _answers().keep(question, said.SerializeToString())
    return said


@cache
def _answers() -> KeptAnswers:
    answers = KeptAnswers(ROOT / ".pytest_cache" / f"zetasql-{version('zetasql')}")
    answers.forget_unused()
    return answers


def _registered(catalog: bytes) -> int:
    """The number under which the analyzer knows the catalog: sending it takes five times a small analysis.

    It keeps the last eight, each of which takes megabytes.
    """
    if catalog not in _REGISTERED:
        request = service.RegisterCatalogRequest(simple_catalog=simple_catalog_pb2.SimpleCatalogProto())
        request.simple_catalog.MergeFromString(catalog)
        _REGISTERED[catalog] = call("RegisterCatalog", request, service.RegisterResponse).registered_id
    _REGISTERED.move_to_end(catalog)
    if len(_REGISTERED) > 8:
        _, oldest = _REGISTERED.popitem(last=False)
        call("UnregisterCatalog", service.UnregisterRequest(registered_id=oldest), empty_pb2.Empty)
    return _REGISTERED[catalog]


def _bytes(message: Any) -> bytes:
    serialized: bytes = message.SerializeToString(deterministic=True)
    return serialized


@cache
def _wasm() -> Any:
    from tests.cached_wasm import CachedWasm  # takes half a second, and is seldom asked

    atexit.register(_wasm.cache_clear)  # it cannot be closed once Python has taken wasmtime's module down
    return CachedWasm()


@cache
def _language() -> Any:
    request = service.LanguageOptionsRequest(maximum_features=True)
    options = kept("GetLanguageOptions", request, options_pb2.LanguageOptionsProto)
    options.product_mode = language_pb2.PRODUCT_EXTERNAL  # BigQuery's names: FLOAT64, not DOUBLE
    options.enabled_language_features.append(language_pb2.FEATURE_CREATE_VIEWS_WITH_COLUMN_OPTIONS)  # BigQuery has it
    kinds = node_kind.ResolvedNodeKind.items()
    options.supported_statement_kinds.extend(number for name, number in kinds if name.endswith("_STMT"))
    return options


def _place(catalog: Any, path: Sequence[str], table: Any) -> None:
    # BigQuery reads `a.b.c` and `a`.`b`.`c` alike; to the analyzer the first is one name: both are put.
    parent = catalog
    for name in path[:-1]:
        parent = next((child for child in parent.catalog if child.name == name), None) or parent.catalog.add(name=name)
    for holder, name in {id(parent): (parent, path[-1]), id(catalog): (catalog, ".".join(path))}.values():
        kept = [known for known in holder.table if known.name.lower() != name.lower()]
        del holder.table[:]
        holder.table.extend([*kept, table])
        holder.table[-1].name = name


def _added_columns(statement: Any) -> list[tuple[str, Any]]:
    """Those that an ALTER TABLE adds."""
    actions = [node(action) for action in field(statement, "alter_action_list") or []]
    added = [action.column_definition for action in actions if "AddColumn" in action.DESCRIPTOR.name]
    return [(column.name, column.type) for column in added]


def node(any_node: Any) -> Any:
    """The statement, scan or expression inside ZetaSQL's nested unions of them."""
    while any_node.DESCRIPTOR.name.startswith("AnyResolved"):
        any_node = getattr(any_node, any_node.WhichOneof("node"))
    return any_node


def field(message: Any, name: str) -> Any:
    """A field of a resolved node, which may belong to one of its parent classes; None without it."""
    while name not in message.DESCRIPTOR.fields_by_name:
        if "parent" not in message.DESCRIPTOR.fields_by_name:
            return None
        message = message.parent
    return getattr(message, name)


def _standard(written: str) -> str:
    # The REST API and the client still use legacy names.
    return {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}.get(written.upper(), written)


def _sql_type(field: Mapping[str, Any]) -> str:
    inner = ", ".join(f"`{f['name']}` {_sql_type(f)}" for f in field.get("fields") or ())
    scalar = f"STRUCT<{inner}>" if inner else _standard(field["type"])
    return f"ARRAY<{scalar}>" if field.get("mode") == "REPEATED" else scalar


def _written(type_: Any) -> str:
    if type_.HasField("array_type"):
        return f"ARRAY<{_written(type_.array_type.element_type)}>"
    if type_.HasField("struct_type"):
        inner = ", ".join(f"{f.field_name} {_written(f.field_type)}" for f in type_.struct_type.field)
        return f"STRUCT<{inner}>"
    name = type_pb2.TypeKind.Name(type_.type_kind).removeprefix("TYPE_")
    return "FLOAT64" if name == "DOUBLE" else name
