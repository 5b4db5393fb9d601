"""Transactions of several statements: what they write is done as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from bqemulator.domain.errors import InvalidQueryError
from sqlglot import exp

from localcloud.bigquery.statements import DML, Statement

CONTROL = {
    exp.Transaction: ("BEGIN_TRANSACTION", "BEGIN TRANSACTION"),
    exp.Commit: ("COMMIT_TRANSACTION", "COMMIT"),
    exp.Rollback: ("ROLLBACK_TRANSACTION", "ROLLBACK"),
}


def control_of(statement: Statement) -> tuple[str, str] | None:
    """Google's name and DuckDB's text of a statement that begins or ends a transaction; None for any other."""
    return CONTROL.get(type(statement.tree))  # type: ignore[arg-type]


def are_used(statements: Sequence[Statement]) -> bool:
    """Whether some of a job's statements are a transaction; raises InvalidQueryError for those that cannot be."""
    controls = [control_of(statement) for statement in statements]
    if len(statements) == 1 and controls[0]:
        message = "Transaction control statements are supported only in scripts or sessions"
        raise InvalidQueryError(message, location="query")
    inside = False
    for statement, control in zip(statements, controls, strict=True):
        if control:
            inside = control == CONTROL[exp.Transaction]
        elif inside and not statement.is_query and statement.kind not in DML:
            message = f"[local BigQuery] not emulated: {statement.kind} in a transaction"
            raise InvalidQueryError(message, location="query")
    return any(controls)
