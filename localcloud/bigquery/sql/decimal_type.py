"""A bare DECIMAL in translated SQL means GoogleSQL's NUMERIC.

Google: NUMERIC is DECIMAL(38,9). sqlglot writes `DECIMAL`, which DuckDB reads as DECIMAL(18,3), so that 1.123456789
became 1.123. sqlglot drops precision from casts in BigQuery's dialect, so this must happen where DuckDB SQL is written.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generator import Generator


def apply() -> None:
    """Patch sqlglot's DuckDB generator."""
    original = DuckDB.Generator.TRANSFORMS[exp.DataType]

    def data_type(generator: Generator, node: exp.DataType) -> str:
        if node.this == exp.DataType.Type.DECIMAL and not node.expressions:
            return "DECIMAL(38, 9)"
        return str(original(generator, node))

    DuckDB.Generator.TRANSFORMS[exp.DataType] = data_type
