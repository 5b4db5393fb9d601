"""Answers of queries, for the same question over tables in which nothing was written since.

A console or a client asks the same again and again, and one question over an org's views takes up to a tenth of a
second. What a job reports stays as if it had run: `cacheHit` is false, and its bytes are billed.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import pyarrow as pa
from sqlglot import exp

from localcloud.bigquery.statements import parsed
from localcloud.bigquery.tables import Tables
from localcloud.bigquery.translation import Translation
from localcloud.bigquery.transpiling import depends_on_listing

MAX_REMEMBERED = 300
LARGEST = 100_000  # bytes of an answer
_ELSE = re.compile(r"\b(CURRENT_\w+|RAND|GENERATE_UUID|SESSION_USER|TABLESAMPLE|SYSTEM_TIME|EXTERNAL_QUERY)\b|@@", re.I)


class RememberedAnswers:
    """Those of one server, by the translated statement and the values of its parameters."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._known: OrderedDict[tuple[str, str], tuple[Any, pa.Table]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    async def of(
        self, sql: str, translation: Translation, bound: dict[str, Any], ask: Callable[[], Awaitable[pa.Table]]
    ) -> pa.Table:
        """The rows of a query, whose text is `sql`; it is asked if its answer is not known or may be another now."""
        if not self._follows_from_tables(sql, translation):
            return await ask()
        key, state = (translation.sql, repr(sorted(bound.items()))), self._state(translation)
        known, answer = self._known.get(key, (None, None))
        if known != state:
            answer = await ask()
            self._remember(key, state, answer)
        return answer

    def _state(self, translation: Translation) -> Any:
        return self._tables.changes.of(translation.named), self._tables.row_counts.state(translation.tables)

    def _remember(self, key: tuple[str, str], state: Any, answer: pa.Table) -> None:
        self._known.pop(key, None)
        if answer.nbytes <= LARGEST:
            self._known[key] = state, answer
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def _follows_from_tables(self, sql: str, translation: Translation) -> bool:
        """Whether the same rows have one answer: its text and those of the views below ask for nothing else."""
        metas = (self._tables.catalog.get_table(ref.project, ref.dataset, ref.table) for ref in translation.named)
        views = [meta.view_query for meta in metas if meta and meta.view_query]
        return bool(translation.tables) and all(map(_asks_tables_only, (sql, *views)))


@lru_cache(maxsize=1000)
def _asks_tables_only(sql: str) -> bool:
    """Neither the clock nor chance, nor the catalog, nor a function that somebody may define anew."""
    return not (_ELSE.search(sql) or depends_on_listing(sql) or parsed(sql).find(exp.Anonymous))
