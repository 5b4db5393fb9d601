"""Whether the result of a day's query fits the container that will load it, before any of its rows is fetched."""

from __future__ import annotations

from collections.abc import Callable

from providers.day_size import MORE_MEMORY, day_too_large

LARGEST_ROW = 1024
"""Bytes of a row in the file that no export comes near; a result that fits even so is not asked about."""
PACKED = 8
"""How many bytes of a result, as BigQuery counts them, become one of the file: 8.6 to 10 were measured."""
HINT = f"The standard export has fewer rows than the detailed one. {MORE_MEMORY}"


def refuse_too_large(rows: int, room: int, size_of_result: Callable[[], int | None]) -> None:
    """Raises `Stop` where the file of so many rows would surely not fit into `room` bytes.

    `size_of_result` asks BigQuery for the bytes of the result, `None` where it does not tell; then only the file itself
    will show whether it fits.
    """
    if rows * LARGEST_ROW <= room:
        return
    size = size_of_result()
    if size is not None and size // PACKED > room:
        raise day_too_large(size // PACKED, room, HINT)
