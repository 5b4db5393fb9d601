"""Arrow's types of GoogleSQL's, as BigQuery reads them from Parquet, and what is done to many texts as to one."""

import pyarrow as pa
import pyarrow.compute as pc

_TYPES = {
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "FLOAT64": pa.float64(),
    "INT64": pa.int64(),
    "NUMERIC": pa.decimal128(38, 9),
    "STRING": pa.string(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}
# The REST API and its clients still use the older names of three types.
ARROW = _TYPES | {"BOOLEAN": _TYPES["BOOL"], "FLOAT": _TYPES["FLOAT64"], "INTEGER": _TYPES["INT64"]}
"""By the type's name in GoogleSQL or in the REST API."""


def is_found(regex: str, texts: pa.Buffer, *, utf8: bool = True) -> bool:
    """Whether an RE2 expression is found in a buffer of text, taken as one: much cheaper than to look at each text.

    `utf8`: what the buffer holds is known to be; else each byte is a character.
    """
    return bool(pc.match_substring_regex(_as_one(texts, pa.string() if utf8 else pa.binary()), regex)[0].as_py())


def split(texts: pa.Buffer, between: str) -> pa.Array:
    """Column of the texts in a buffer of UTF-8 that stand one after another, with `between` between them."""
    return pc.split_pattern(_as_one(texts, pa.string()), between).values


def _as_one(texts: pa.Buffer, kind: pa.DataType) -> pa.Array:
    ends = pa.array([0, texts.size], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(kind, 1, [None, ends, texts])
