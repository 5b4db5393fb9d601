"""A day without rows, ready to be loaded."""

from pathlib import Path

from cloudact.runs.load import Part
from jobs.columns import Columns
from jobs.parquet import write_parquet
from tests.conftest import Local


def empty_part(local: Local, dataset: str, table: str, path: Path) -> Part:
    """A file with the table's columns and no rows, as a part of a run's load."""
    columns = Columns(table, local.warehouse.columns(dataset, table))
    write_parquet(path, columns.schema, [])
    return Part(dataset, table, path, 0, columns.fields)
