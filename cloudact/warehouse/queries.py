"""The SQL of the service: each query a file in `sql/queries/`, its parameters declared in the file's own head.

`-- @org_slug STRING: the org` declares a parameter; a call must give exactly the declared ones. No text is ever put
into a query but the name of the service's own dataset.
"""

import datetime as dt
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from cloudact.settings import ROOT

if TYPE_CHECKING:
    from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

    Bound: TypeAlias = ArrayQueryParameter | ScalarQueryParameter

Scalar: TypeAlias = str | int | bool | dt.date | dt.datetime | None
Value: TypeAlias = Scalar | Sequence[str]
SQL_DIR = ROOT / "sql" / "queries"
DEFAULT_DATASET = "organizations"
ORG_DATASET = "org_dataset"  # stands for the org's own in sql/org
_NAMED = re.compile(r"\b(?:FROM|JOIN)\s+([\w.]+)")
_DECLARED = re.compile(r"^-- @(\w+) (ARRAY<\w+>|\w+):", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """One query: its GoogleSQL text and its parameters' types by name (`STRING`, `ARRAY<STRING>`)."""

    name: str
    sql: str
    types: Mapping[str, str]

    @property
    def tables(self) -> int:
        """How many tables and views it names."""
        return len(set(_NAMED.findall(self.sql)) - {"UNNEST"})

    def bind(self, values: Mapping[str, Value]) -> "list[Bound]":
        """The client's query parameters; `TypeError` unless all and only the declared ones are given."""
        if set(values) != set(self.types):
            raise TypeError(f"{self.name}.sql declares {sorted(self.types)}, was given {sorted(values)}")
        return [_parameter(name, kind, values[name]) for name, kind in self.types.items()]


@functools.cache
def load_query(name: str, dataset: str = DEFAULT_DATASET) -> Query:
    """The query `sql/queries/<name>.sql`, reading from the deployment's own dataset."""
    text = (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")
    return Query(name, in_dataset(text, dataset), dict(_DECLARED.findall(text)))


def in_dataset(sql: str, dataset: str) -> str:
    """The same SQL for a service dataset of another name."""
    return sql if dataset == DEFAULT_DATASET else re.sub(rf"\b{DEFAULT_DATASET}\.", f"{dataset}.", sql)


def in_org_dataset(sql: str, dataset: str) -> str:
    """The same SQL for one org's dataset: a view must name it, since BigQuery gives a view's body no default one."""
    return re.sub(rf"\b{ORG_DATASET}\.", f"`{dataset}`.", sql)


def _parameter(name: str, kind: str, value: Value) -> "Bound":
    from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

    if kind.startswith("ARRAY<"):
        return ArrayQueryParameter(name, kind[6:-1], list(cast("Sequence[str]", value)))
    return ScalarQueryParameter(name, kind, cast("Scalar", value))
