"""BigQuery on loopback: Google's REST surface over DuckDB, with bqemulator's translator underneath.

What is ours is stated in `tests/infra/local/bigquery`; `python -m infra.local.bigquery --help` starts it.
"""
