"""Arrow's types of GoogleSQL's, as BigQuery reads them from Parquet."""

import pyarrow as pa

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
