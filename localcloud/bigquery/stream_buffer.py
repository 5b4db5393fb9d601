"""The streaming buffer: rows that were accepted and cannot be read yet, for as long as a test or a developer says.

Google promises them "within a few seconds". The rows of one call become readable together, those of two calls in any
order. A restart makes all of them readable.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from pydantic import Field as ModelField

from localcloud.bigquery import sources
from localcloud.bigquery.partitions import partition_named
from localcloud.bigquery.rows import Row
from localcloud.bigquery.schemas import Field
from localcloud.bigquery.tables import TableChange, TableRef, Tables
from localcloud.bigquery.writes import Write, append


class Delay(BaseModel):
    """How long rows wait: a time between the two, which follows from the seed and how many calls came before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least_s: float = ModelField(default=0.0, ge=0)
    at_most_s: float = ModelField(default=0.0, ge=0)
    seed: int = 0


@dataclass(frozen=True)
class Streamed:
    """The rows of one call; `created` is when their table was, since another of its name is another table."""

    ref: TableRef
    decorator: str | None
    rows: list[Row]
    created: str


class StreamBuffer:
    """The rows of one server. Whoever reads or changes the database lets in first what is due."""

    def __init__(self, tables: Tables, clock: Callable[[], float] = time.monotonic) -> None:
        self._tables = tables
        self._clock = clock
        self._waiting: list[tuple[float, Streamed]] = []
        self.delay_by(Delay())

    def delay_by(self, delay: Delay) -> None:
        """What is streamed from now on waits so long."""
        self._delay, self._random = delay, random.Random(delay.seed)

    @property
    def waiting(self) -> int:
        """How many rows cannot be read yet."""
        return sum(len(streamed.rows) for _, streamed in self._waiting)

    def add(self, ref: TableRef, decorator: str | None, rows: list[Row]) -> None:
        """Takes rows that are known to fit the table."""
        wait_s = self._random.uniform(self._delay.at_least_s, self._delay.at_most_s)
        streamed = Streamed(ref, decorator, rows, self._created(ref))
        if wait_s:
            self._waiting.append((self._clock() + wait_s, streamed))
        else:
            self._write(streamed)

    def let_in(self, *, everything: bool = False) -> None:
        """Makes readable what is due. Rows whose table is gone are gone."""
        now = self._clock()
        due = sorted((each for each in self._waiting if everything or each[0] <= now), key=lambda each: each[0])
        self._waiting = [each for each in self._waiting if each not in due] if due else self._waiting
        for _, streamed in due:
            if self._created(streamed.ref) == streamed.created:
                self._write(streamed)

    def _created(self, ref: TableRef) -> str:
        return str((self._tables.find(ref) or {}).get("creationTime", ""))

    def _write(self, streamed: Streamed) -> None:
        resource = self._tables.get(streamed.ref)
        fields = _given(resource["schema"]["fields"], streamed.rows)
        source = sources.streamed(self._tables.engine, streamed.rows, fields)
        partition = partition_named(resource, streamed.decorator) if streamed.decorator else None
        change = TableChange(streamed.ref, resource)
        append(self._tables, Write(change, source.select, source.columns, partition=partition))
        sources.release(self._tables.engine)


def _given(fields: list[Field], rows: list[Row]) -> list[Field]:
    """The fields that a row has a value for, at least one: most rows of a wide table fill a few columns."""
    return [field for field in fields if any(row[field["name"]] is not None for row in rows)] or fields[:1]
