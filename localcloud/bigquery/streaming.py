"""tabledata.insertAll: rows checked one by one, de-duplicated by insertId, inserted together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bqemulator.domain.errors import ValidationError

from localcloud.bigquery.partitions import partition_named
from localcloud.bigquery.rows import BadValue, Row, parse_row
from localcloud.bigquery.stream_buffer import StreamBuffer
from localcloud.bigquery.tables import TableRef, Tables

# Google remembers an insertId for at least a minute and promises no more ("best effort").
MEMORY_S = 300.0


class InsertIds:
    """The insertIds seen lately, per table."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[TableRef, str], float] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._seen)

    def is_known(self, ref: TableRef, insert_id: str | None) -> bool:
        """Whether a row with this id was inserted within the memory."""
        return insert_id is not None and self._clock() - self._seen.get((ref, insert_id), -MEMORY_S) < MEMORY_S

    def remember(self, ref: TableRef, insert_ids: list[str]) -> None:
        """Note the ids of rows that were inserted, and forget the oldest."""
        now = self._clock()
        while self._seen and now - next(iter(self._seen.values())) >= MEMORY_S:
            del self._seen[next(iter(self._seen))]
        for insert_id in insert_ids:
            self._seen.pop((ref, insert_id), None)
            self._seen[(ref, insert_id)] = now


def insert_all(
    tables: Tables,
    buffer: StreamBuffer,
    insert_ids: InsertIds,
    ref: TableRef,
    decorator: str | None,
    body: dict[str, Any],
) -> dict[str, Any]:
    """Google's answer: `insertErrors` lists bad rows, and then none is inserted unless `skipInvalidRows`."""
    resource = tables.get(ref)
    given = body.get("rows") or []
    if not given:
        raise ValidationError("Empty request.")
    good, errors = _checked(resource["schema"]["fields"], given, ignore_unknown=bool(body.get("ignoreUnknownValues")))
    if errors and not body.get("skipInvalidRows"):
        return _answer(errors, stopped=list(good))
    fresh = _without_repeats(insert_ids, ref, given, good)
    if decorator:
        partition_named(resource, decorator)  # refused now, not when the rows are let in
    if fresh:
        buffer.add(ref, decorator, [good[index] for index in fresh])
    insert_ids.remember(ref, [given[index]["insertId"] for index in fresh if given[index].get("insertId")])
    return _answer(errors, stopped=[])


def _checked(
    fields: list[dict[str, Any]], given: list[dict[str, Any]], *, ignore_unknown: bool
) -> tuple[dict[int, Row], dict[int, BadValue]]:
    good, errors = {}, {}
    for index, item in enumerate(given):
        try:
            good[index] = parse_row(fields, item.get("json") or {}, ignore_unknown=ignore_unknown)
        except BadValue as err:
            errors[index] = err
    return good, errors


def _without_repeats(
    insert_ids: InsertIds, ref: TableRef, given: list[dict[str, Any]], good: dict[int, Row]
) -> list[int]:
    fresh, seen = [], set()
    for index in good:
        insert_id = given[index].get("insertId")
        if insert_id in seen or insert_ids.is_known(ref, insert_id):
            continue
        if insert_id:
            seen.add(insert_id)
        fresh.append(index)
    return fresh


def _answer(errors: dict[int, BadValue], stopped: list[int]) -> dict[str, Any]:
    entries = [_entry(index, "invalid", err.location, err.message) for index, err in errors.items()]
    entries += [_entry(index, "stopped", "", "") for index in stopped]
    answer: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
    if entries:
        answer["insertErrors"] = sorted(entries, key=lambda entry: int(entry["index"]))
    return answer


def _entry(index: int, reason: str, location: str, message: str) -> dict[str, Any]:
    error = {"reason": reason, "location": location, "debugInfo": "", "message": message}
    return {"index": index, "errors": [error]}
