"""Transactions of several statements: what they write is done as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from bqemulator.domain.errors import InvalidQueryError

from localcloud.bigquery.statements import DML, Statement

# DuckDB's texts of the kinds of statements that begin or end one.
DUCKDB = {"BEGIN_TRANSACTION": "BEGIN TRANSACTION", "COMMIT_TRANSACTION": "COMMIT", "ROLLBACK_TRANSACTION": "ROLLBACK"}


def are_used(statements: Sequence[Statement]) -> bool:
    """Whether some of a job's statements are a transaction; raises InvalidQueryError for those that cannot be."""
    if len(statements) == 1 and statements[0].kind in DUCKDB:
        message = "Transaction control statements are supported only in scripts or sessions"
        raise InvalidQueryError(message, location="query")
    inside = False
    for statement in statements:
        if statement.kind in DUCKDB:
            inside = statement.kind == "BEGIN_TRANSACTION"
        elif inside and not statement.is_query and statement.kind not in DML:
            message = f"[local BigQuery] not emulated: {statement.kind} in a transaction"
            raise InvalidQueryError(message, location="query")
    return any(statement.kind in DUCKDB for statement in statements)
