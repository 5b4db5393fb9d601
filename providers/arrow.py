"""Arrow's types of GoogleSQL's, as BigQuery reads them from Parquet, and one search through many texts."""

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
    ends = pa.array([0, texts.size], pa.int32()).buffers()[1]
    whole = pa.Array.from_buffers(pa.string() if utf8 else pa.binary(), 1, [None, ends, texts])
    return bool(pc.match_substring_regex(whole, regex)[0].as_py())
