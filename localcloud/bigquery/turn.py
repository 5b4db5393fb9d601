"""Whose turn it is: one request at a time, which sees all that is due of the stream and nothing that has expired."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from localcloud.bigquery.expirations import sweep
from localcloud.bigquery.stream_buffer import StreamBuffer
from localcloud.bigquery.tables import Tables


@dataclass(frozen=True)
class Turn:
    """`async with` it before the database is read or changed."""

    tables: Tables
    stream: StreamBuffer
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            self.stream.let_in()
            sweep(self.tables)
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
