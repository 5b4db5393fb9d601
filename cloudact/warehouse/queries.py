"""The SQL of the service: each query a file in `sql/queries/`, its parameters declared in the file's own head.

`-- @org_slug STRING: the org` declares a parameter; a call must give exactly the declared ones. No text is ever put
into a query but two names, which cannot be parameters: that of the service's own dataset, and in a query that reads
`org_table` that of one of an org's tables. Neither is ever what a request, a customer or a provider has said.
The line `-- the query <name>.sql` has the text of another query in its place, whose parameters it declares as well.
"""

import datetime as dt
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cloudact.settings import ROOT
from cloudact.warehouse.resources import parameter

Scalar: TypeAlias = str | int | bool | dt.date | dt.datetime | None
Value: TypeAlias = Scalar | Sequence[str]
SQL_DIR = ROOT / "sql" / "queries"
DEFAULT_DATASET = "organizations"
ORG_DATASET = "org_dataset"  # stands for the org's own in sql/org
ORG_TABLE = "org_table"  # stands for one of an org's tables, in a query that is the same for each of them
_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_NAMED = re.compile(r"\b(?:FROM|JOIN)\s+([\w.`]+)")
_BOUND = re.compile(r"\bBills at most (\d+) MiB\b")
_DECLARED = re.compile(r"^-- @(\w+) (ARRAY<\w+>|\w+):", re.MULTILINE)
_INCLUDED = re.compile(r"^ *-- the query (\w+)\.sql\n", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """Query: its GoogleSQL text and its parameters' types by name (`STRING`, `ARRAY<STRING>`).

    `max_mib` is what it may be billed at most, where its file says so: `Bills at most 512 MiB`.
    """

    name: str
    sql: str
    types: Mapping[str, str]
    max_mib: int | None = None

    @property
    def tables(self) -> int:
        """Number of tables and views that the query names."""
        return len(set(_NAMED.findall(self.sql)) - {"UNNEST"})

    def bind(self, values: Mapping[str, Value]) -> list[dict[str, Any]]:
        """Query parameters as the API takes them; raises `TypeError` unless exactly the declared ones are given."""
        if set(values) != set(self.types):
            raise TypeError(f"{self.name}.sql declares {sorted(self.types)}, was given {sorted(values)}")
        return [parameter(name, kind, values[name]) for name, kind in self.types.items()]


@functools.cache
def load_query(name: str, dataset: str = DEFAULT_DATASET, org_table: str | None = None) -> Query:
    """Query `sql/queries/<name>.sql`, reading from the deployment's own dataset.

    `org_table` is the org's table to read, for a query written for any. Raises `TypeError` where it is missing or has
    no place, and `ValueError` where it is no plain name of a table.
    """
    text = _text(name)
    bound = _BOUND.search(text)
    return Query(
        name,
        _of_table(name, in_dataset(text, dataset), org_table),
        dict(_DECLARED.findall(text)),
        int(bound[1]) if bound else None,
    )


def _text(name: str) -> str:
    own = (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")
    return _INCLUDED.sub(lambda line: _without_head(_text(line[1])), own)


def _without_head(text: str) -> str:
    return re.sub(r"\A(--.*\n)+", "", text)


def _of_table(name: str, sql: str, table: str | None) -> str:
    places = re.compile(rf"(?<=FROM ){ORG_TABLE}\b")
    if bool(places.search(sql)) is (table is None):
        raise TypeError(f"{name}.sql {'needs' if table is None else 'takes no'} name of an org's table")
    if table is None:
        return sql
    if not _TABLE_NAME.fullmatch(table):
        raise ValueError(f"{table!r} is no name of an org's table")
    return places.sub(table, sql)


def in_dataset(sql: str, dataset: str) -> str:
    """SQL text with the service's dataset renamed."""
    return sql if dataset == DEFAULT_DATASET else re.sub(rf"\b{DEFAULT_DATASET}\.", f"`{dataset}`.", sql)


def in_org_dataset(sql: str, dataset: str) -> str:
    """SQL text with an org's dataset filled in: a view must name it, since BigQuery gives its body no default one."""
    return re.sub(rf"\b{ORG_DATASET}\.", f"`{dataset}`.", sql)
