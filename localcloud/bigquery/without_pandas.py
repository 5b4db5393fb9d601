"""DuckDB without pandas: what it asks of pandas at every value that a statement is given is answered once.

Each value is compared with `pandas.NaT` and `pandas.NA`. What DuckDB has found it keeps; what it has not found it has
Python search again, through all places that a module may be in: 16 µs a value, six times what the rest of it takes.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from types import ModuleType

import duckdb


class _Refused(MetaPathFinder):
    """Says at once that there is no pandas, also where it is installed: DuckDB would take the stand-in for it."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")


def settle() -> None:
    """Let DuckDB find a `NaT` and a `NA` that no value is; nobody else in this process finds a pandas."""
    standing = ModuleType("pandas")
    standing.__dict__.update(NaT=object(), NA=object())
    sys.modules["pandas"] = standing
    try:
        with duckdb.connect() as connection:
            connection.execute("SELECT ?", [""])
    finally:
        del sys.modules["pandas"]
    sys.meta_path.insert(0, _Refused())
