"""BigQuery on loopback: Google's REST surface over DuckDB, with bqemulator's translator underneath.

What is ours is stated in `tests/localcloud/bigquery`; `python -m localcloud.bigquery --help` starts it.
"""
