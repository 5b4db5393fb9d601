"""The tables that are written are the tables that are shipped."""

import re

import pytest

from cloudact.settings import ROOT
from jobs.parquet import RUN_FIELDS
from providers.anthropic import tables as anthropic
from providers.openai import reports as openai
from providers.source import Table
from tests.googlesql import gate

TABLES = [
    openai.USAGE_TABLE,
    openai.COST_TABLE,
    anthropic.USAGE_TABLE,
    anthropic.COST_TABLE,
    anthropic.CLAUDE_CODE_TABLE,
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_are_those_of_the_ddl(table: Table) -> None:
    """Names, types, order and NOT NULL are the same in the file that is loaded and in the table."""
    found = [(column.name, column.type) for column in gate("org").columns(table.name)]
    assert found[: len(table.columns)] == [(column.name, column.type) for column in table.columns]
    assert [name for name, _ in found[len(table.columns) :]] == [field.name for field in RUN_FIELDS]
    (script,) = (ROOT / "sql" / "org").glob(f"???_{table.name}.sql")
    ddl = script.read_text(encoding="utf-8")
    required = set(re.findall(r"^  (\w+) \w+ NOT NULL", ddl, re.MULTILINE))
    assert required == {c.name for c in table.columns if c.required} | {field.name for field in RUN_FIELDS}
