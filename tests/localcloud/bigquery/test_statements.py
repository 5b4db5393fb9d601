"""Texts of jobs as statements: what kind each is, as bqemulator tells it from a tree of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from bqemulator.domain.errors import InvalidQueryError
from bqemulator.jobs.executor import classify_statement_type

from cloudact.settings import ROOT
from localcloud.bigquery.kept_translations import KeptTranslations
from localcloud.bigquery.statements import SCRIPT, Statement, Statements

ODD = (
    "SELECT 1;", "SELECT 1; SELECT 2;;", "(SELECT 1)", "WITH a AS (SELECT 1) SELECT * FROM a UNION ALL SELECT 2",
    "FROM `a`.t |> SELECT x", "VALUES (1)", "SELECT 'a;b' -- c;d", "TRUNCATE TABLE `a`.t", "DROP SCHEMA `a` CASCADE",
    "CREATE ROW ACCESS POLICY p ON `a`.t GRANT TO ('user:x') FILTER USING (x = 1)", "DROP ROW ACCESS POLICY p ON `a`.t",
    "EXPORT DATA OPTIONS (uri = 'x') AS SELECT 1", "GRANT `roles/x` ON SCHEMA `a` TO 'user:x'",
    "CREATE TABLE `a`.t AS SELECT 1 AS x", "CREATE TABLE `a`.t (x INT64)", "CREATE SNAPSHOT TABLE `a`.s CLONE `a`.t",
    "CREATE MATERIALIZED VIEW `a`.v AS SELECT 1 AS x", "DROP MATERIALIZED VIEW `a`.v", "DROP TABLE IF EXISTS `a`.t",
    "MERGE `a`.t USING `a`.s ON FALSE WHEN NOT MATCHED THEN INSERT ROW", "UPDATE `a`.t SET x = 1 WHERE TRUE",
    "ALTER TABLE `a`.t ADD COLUMN x INT64", "DROP FUNCTION `a`.f", "ALTER TABLE `a`.t SET OPTIONS (description = 'x')",
)  # fmt: skip
# bqemulator has no word for them, and would call them a SELECT.
OURS = {
    "ALTER TABLE `a`.t ALTER COLUMN x SET OPTIONS (description = 'x')": ["ALTER_TABLE"],
    "BEGIN TRANSACTION; SELECT 1; COMMIT TRANSACTION": ["BEGIN_TRANSACTION", "SELECT", "COMMIT_TRANSACTION"],
    "ROLLBACK TRANSACTION": ["ROLLBACK_TRANSACTION"],
    "DECLARE x INT64; SELECT x": [SCRIPT],
}


@pytest.fixture
def statements(tmp_path: Path) -> Statements:
    """What splits them, with nothing kept."""
    return Statements(KeptTranslations(tmp_path))


def test_kinds_are_those_of_bqemulator(statements: Statements) -> None:
    """Statements that make the project's tables, and odd ones, have the kind that bqemulator tells from the text."""
    texts = [
        *(file.read_text() for room in ("org", "organizations") for file in (ROOT / "sql" / room).glob("*.sql")),
        *ODD,
    ]
    found = [statement for text in texts for statement in statements.split(text)]
    assert len(found) > len(texts) > len(ODD) + 40
    assert [(each.sql, each.kind) for each in found] == [(each.sql, _kind(each)) for each in found]


def _kind(statement: Statement) -> str:
    if statement.kind == SCRIPT:
        return SCRIPT
    return classify_statement_type(statement.sql) or ("ALTER_TABLE" if "ALTER COLUMN" in statement.sql else "SELECT")


@pytest.mark.parametrize("sql", OURS)
def test_kinds_that_are_ours(statements: Statements, sql: str) -> None:
    """Where bqemulator has no word, the kind is Google's, or the whole is a script."""
    assert [each.kind for each in statements.split(sql)] == OURS[sql]


def test_an_error_tells_real_names(statements: Statements) -> None:
    """A text that is refused is quoted with its own names."""
    with pytest.raises(InvalidQueryError) as refused:
        statements.split("SELECT `some_org`.t x y FROM `some_org`.t")
    assert "standing" not in str(refused.value)
