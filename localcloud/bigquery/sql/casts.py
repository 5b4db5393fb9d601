"""Casts between numbers, and of numbers to text, as GoogleSQL makes them, and averages (`averages`).

FLOAT64 to NUMERIC      the exact binary value to nine decimals, half away from zero; DuckDB multiplies binary floats
                        (`float_numeric`)
FLOAT64 to INT64        half away from zero; DuckDB half to even
SAFE_DIVIDE to NUMERIC  of two NUMERICs, exact to nine decimals; DuckDB divides floats
numbers to STRING       1.5 and 10; DuckDB 1.500000000 and 10.0
anything to BIGNUMERIC  38 decimals (`bignumeric`); DuckDB has 38 digits in all

Macros decide by the operand's type, which is known only when DuckDB binds the statement.
"""

from __future__ import annotations

from sqlglot import exp

from localcloud.bigquery.sql import averages, bignumeric

# An operand that a macro names twice is bound twice, and all that is in it too: what needs it more often is a function.
MACROS = (
    """bq_numeric(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN bq_of_float(CAST(x AS DOUBLE))
       WHEN typeof(x) = 'BIGNUM' THEN bq_unscaled(x) ELSE CAST(x AS DECIMAL(38,9)) END""",
    """bq_safe_numeric(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN bq_safe_of_float(CAST(x AS DOUBLE))
       ELSE TRY_CAST(x AS DECIMAL(38,9)) END""",
    """bq_quotient(x, y) AS CASE WHEN typeof(x) LIKE 'DECIMAL(%' AND typeof(y) LIKE 'DECIMAL(%'
       THEN bq_divided(CAST(x AS VARCHAR), CAST(y AS VARCHAR)) ELSE bq_safe_numeric(x / NULLIF(y, 0)) END""",
    # DuckDB takes no aggregate into TRY: a float that is too large for NUMERIC is an error here, not NULL.
    """bq_quotient_of_sums(x, y) AS CASE WHEN typeof(x) LIKE 'DECIMAL(%' AND typeof(y) LIKE 'DECIMAL(%'
       THEN bq_divided(CAST(x AS VARCHAR), CAST(y AS VARCHAR)) ELSE bq_numeric(x / NULLIF(y, 0)) END""",
    """bq_int64(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(x AS DOUBLE)) AS BIGINT)
       ELSE CAST(x AS BIGINT) END""",
    """bq_safe_int64(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT')
       THEN TRY_CAST(round(CAST(x AS DOUBLE)) AS BIGINT) ELSE TRY_CAST(x AS BIGINT) END""",
    """bq_string(x) AS CASE WHEN typeof(x) LIKE 'DECIMAL(%' AND typeof(x) NOT LIKE '%,0)'
       THEN rtrim(rtrim(CAST(x AS VARCHAR), '0'), '.')
       WHEN typeof(x) = 'DOUBLE' THEN regexp_replace(CAST(x AS VARCHAR), '\\.0$', '') ELSE CAST(x AS VARCHAR) END""",
)
CASTS = {
    exp.DataType.Type.DECIMAL: ("bq_numeric", "bq_safe_numeric"),
    exp.DataType.Type.BIGINT: ("bq_int64", "bq_safe_int64"),
    exp.DataType.Type.TEXT: ("bq_string", "bq_string"),
}


def macro_statements() -> list[str]:
    """The DuckDB statements that define the macros."""
    return [f"CREATE OR REPLACE MACRO {macro}" for macro in (*bignumeric.MACROS, *MACROS, *averages.MACROS)]


def rewrite(tree: exp.Expression) -> None:
    """Let every cast to NUMERIC, BIGNUMERIC, INT64 and STRING go through its macro."""
    averages.rewrite(tree)
    for cast in list(tree.find_all(exp.Cast)):
        if cast.to.this == exp.DataType.Type.BIGDECIMAL and not isinstance(cast, exp.TryCast):
            cast.replace(exp.Anonymous(this="bq_bignumeric", expressions=[cast.this]))
            continue
        if cast.to.this == exp.DataType.Type.DECIMAL and isinstance(cast.this, exp.SafeDivide):
            macro = "bq_quotient_of_sums" if cast.this.find(exp.AggFunc) else "bq_quotient"
            cast.replace(exp.Anonymous(this=macro, expressions=[cast.this.this, cast.this.expression]))
            continue
        macros = CASTS.get(cast.to.this)
        if macros and not isinstance(cast.this, (exp.Parameter, exp.Placeholder, exp.Null)):
            macro = macros[isinstance(cast, exp.TryCast)]
            cast.set("this", exp.Anonymous(this=macro, expressions=[cast.this]))
