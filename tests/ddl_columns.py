"""The columns of the org's tables as their DDL lists them, for tests that have no BigQuery at hand."""

import re
from functools import cache

from cloudact.settings import ROOT
from cloudact.warehouse.resources import Column
from jobs.columns import Columns

_CREATED = re.compile(r"^  (\w+) ([A-Z0-9]+)( NOT NULL)?(?: OPTIONS|,|$)", re.MULTILINE)
_ADDED = re.compile(r"ADD COLUMN IF NOT EXISTS (\w+) ([A-Z0-9]+)( NOT NULL)?")


@cache
def ddl_columns(table: str) -> Columns:
    """The columns in the order of the scripts: those of CREATE TABLE, then those that were added."""
    scripts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "sql" / "org").glob("[0-9]*.sql"))]
    every = [statement for script in scripts for statement in script.split(";\n")]
    ours = [each for each in every if re.search(rf"TABLE (?:IF NOT EXISTS )?org_dataset\.{table}\b", each)]
    found = [column for script in ours for column in (*_CREATED.findall(script), *_ADDED.findall(script))]
    fields = [
        Column({"name": name, "type": kind, "mode": "REQUIRED" if must else "NULLABLE"}) for name, kind, must in found
    ]
    return Columns(table, fields)
