"""BIGNUMERIC inside a statement: 38 decimals, as an integer without limit that is 10^38 times the value.

DuckDB's decimals end at 38 digits in all, so its BIGNUM carries the value. It adds, sums and compares exactly; it does
not multiply, and a literal beside it is not scaled: both must be cast first. CAST(… AS NUMERIC) leads out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import duckdb
import pyarrow as pa

from localcloud.bigquery.sql.rounding import digits, rounded

ONE = 10**38
NUMERIC_UNIT = 10**29
"""A NUMERIC's last decimal, 10^-9, at this scale."""

MACROS = (
    """bq_bignumeric(x) AS CASE WHEN typeof(x) = 'BIGNUM' THEN CAST(CAST(x AS VARCHAR) AS BIGNUM)
       WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(bq_scaled_float(CAST(x AS DOUBLE)) AS BIGNUM)
       ELSE CAST(bq_scaled_text(CAST(x AS VARCHAR)) AS BIGNUM) END""",
    "bq_unscaled(x) AS bq_unscaled_text(CAST(x AS VARCHAR))",
)


def define_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Define what the macros call; once a connection."""
    functions: tuple[tuple[str, Callable[[pa.Array], pa.Array], str, str], ...] = (
        ("bq_scaled_float", lambda values: _each(values, _of_float, pa.string()), "DOUBLE", "VARCHAR"),
        ("bq_scaled_text", lambda values: _each(values, _of_text, pa.string()), "VARCHAR", "VARCHAR"),
        ("bq_unscaled_text", lambda values: _each(values, _numeric, pa.decimal128(38, 9)), "VARCHAR", "DECIMAL(38,9)"),
    )
    connection.create_function(  # type: ignore[call-overload, unused-ignore]
        "bq_divided", _divided, ["VARCHAR", "VARCHAR"], "DECIMAL(38,9)", type="arrow", null_handling="special"
    )
    for name, function, takes, gives in functions:
        connection.create_function(name, function, [takes], gives, type="arrow")  # type: ignore[call-overload, unused-ignore]


def _divided(numerators: pa.Array, denominators: pa.Array) -> pa.Array:
    pairs = zip(numerators.to_pylist(), denominators.to_pylist(), strict=True)
    return pa.array([_quotient(*pair) for pair in pairs], pa.decimal128(38, 9))


def _quotient(numerator: str | None, denominator: str | None) -> Decimal | None:
    """The quotient of two NUMERICs as NUMERIC; None by zero, and beyond what NUMERIC holds."""
    if numerator is None or denominator is None or not Decimal(denominator):
        return None
    (top, bottom), (over, under) = Decimal(numerator).as_integer_ratio(), Decimal(denominator).as_integer_ratio()
    sign = -1 if over < 0 else 1
    nanos = rounded(sign * top * under * 10**9, bottom * abs(over))
    return Decimal((nanos < 0, digits(abs(nanos)), -9)) if abs(nanos) < 10**38 else None


def _each(values: pa.Array, convert: Callable[..., object], type_: pa.DataType) -> pa.Array:
    return pa.array([None if value is None else convert(value) for value in values.to_pylist()], type_)


def _of_float(value: float) -> str:
    numerator, denominator = value.as_integer_ratio()  # exact; raises for what is no number
    return str(rounded(numerator * ONE, denominator))


def _of_text(value: str) -> str:
    numerator, denominator = Decimal(value).as_integer_ratio()
    return str(rounded(numerator * ONE, denominator))


def _numeric(scaled: str) -> Decimal:
    return Decimal((int(scaled) < 0, digits(abs(rounded(int(scaled), NUMERIC_UNIT))), -9))
