"""AVG of NUMERIC and of BIGNUMERIC is one of these, exact to its decimals and half away from zero; DuckDB's is a float.

AVG becomes a sum and a count, of which a macro makes the average as the sum's type says, known only when DuckDB binds
the statement. A median has the type of the average: DOUBLE for integers and floats, else that of the sum. It is widened
to nine decimals, since ROUND of a NUMERIC has fewer in DuckDB; a BIGNUM (`bignumeric`) cannot be widened, so whoever
averages both in one statement is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import duckdb
import pyarrow as pa
from sqlglot import exp

from localcloud.bigquery.sql.rounding import digits, rounded

MACRO = """{name}(total, number, average) AS cast_to_type(CASE
    WHEN {refused} THEN error('[local BigQuery] an AVG beside BIGNUMERIC is not emulated where its type is not plain')
    WHEN typeof(total) LIKE 'DECIMAL(%' OR typeof(total) = 'BIGNUM'
    THEN bq_mean(CAST(total AS VARCHAR), CAST(number AS VARCHAR), typeof(total))
    ELSE CAST(average AS VARCHAR) END, {typed})"""
MEDIAN = "list_aggregate([total], 'median')"
MACROS = (
    MACRO.format(name="bq_average", refused="typeof(total) = 'BIGNUM'", typed=f"{MEDIAN} + CAST(0 AS DECIMAL(9,9))"),
    MACRO.format(
        name="bq_average_beside_bignumeric",
        refused="regexp_full_match(typeof(total), 'DECIMAL.*,[0-8].')",
        typed=MEDIAN,
    ),
)


def define_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Define what the macros call; once a connection."""
    connection.create_function("bq_mean", _means, ["VARCHAR"] * 3, "VARCHAR", type="arrow")  # type: ignore[call-overload, arg-type, unused-ignore]


def _means(totals: pa.Array, numbers: pa.Array, types: pa.Array) -> pa.Array:
    rows = zip(totals.to_pylist(), numbers.to_pylist(), types.to_pylist(), strict=True)
    return pa.array([_mean(*row) for row in rows], pa.string())


def _mean(total: str, number: str, type_: str) -> str:
    """The quotient at the type's scale: nine decimals at least, none for a BIGNUM."""
    scale = 0 if type_ == "BIGNUM" else max(9, int(type_.rstrip(")").rpartition(",")[2]))
    over, under = Decimal(total).as_integer_ratio()
    units = rounded(over * 10**scale, under * int(number))
    return f"{Decimal((units < 0, digits(abs(units)), -scale)):f}"


def rewrite(tree: exp.Expression) -> None:
    """Let every AVG go through its macro."""
    averages = list(tree.find_all(exp.Avg))[::-1]  # the inner ones first: the outer ones are copied
    if not averages:
        return
    has_bignum = any(cast.to.this == exp.DataType.Type.BIGDECIMAL for cast in tree.find_all(exp.Cast))
    macro = "bq_average_beside_bignumeric" if has_bignum else "bq_average"
    for average in averages:
        if not average.find_ancestor(exp.Pivot):
            _average(average, macro)


def _average(call: exp.Avg, macro: str) -> None:
    """A sum, a count and an average over the same rows: what stands around AVG, as OVER does, stands around each."""
    whole: exp.Expression = call
    while isinstance(whole.parent, (exp.Filter, exp.Window)) and whole.parent.this is whole:
        whole = whole.parent
    whole.replace(
        exp.Anonymous(this=macro, expressions=[_instead(whole, each) for each in (exp.Sum, exp.Count, exp.Avg)])
    )


def _instead(whole: exp.Expression, aggregate: Callable[..., exp.Expression]) -> exp.Expression:
    """A copy with another aggregate than AVG."""
    copy = whole.copy()
    found = copy
    while not isinstance(found, exp.Avg):
        found = found.this
    made = aggregate(this=found.this)
    found.replace(made)
    return made if found is copy else copy
