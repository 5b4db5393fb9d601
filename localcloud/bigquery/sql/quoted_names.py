"""The quoted names of a DuckDB statement; what stands in its literals and comments is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r"""'(?:[^']|'')*'|/\*.*?\*/|"((?:[^"]|"")+)\"""", re.DOTALL)


def found_in(sql: str) -> Iterator[str]:
    """Each quoted name, without its quotes, as often as it stands there."""
    return (token[1] for token in _TOKEN.finditer(sql) if token[1])


def replaced(sql: str, texts: Mapping[str, str]) -> str:
    """The statement with these texts for the names that they are given for, quotes and all."""
    return _TOKEN.sub(lambda token: texts.get(token[1], token[0]), sql) if texts else sql
