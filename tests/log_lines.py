"""The lines that a process writes, as they leave it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cloudact.logs import JsonLines, silence_libraries


class Lines:
    """What was written so far."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text]

    def of(self, event: str) -> list[dict[str, Any]]:
        """The lines of an event."""
        return [told for told in self.told if told.get("event") == event]


@contextmanager
def written_lines(level: int = logging.INFO) -> Iterator[Lines]:
    """Everything that our own loggers write meanwhile, from this severity on, through the formatter that ships."""
    lines, root = Lines(), logging.getLogger()
    handler, before = logging.StreamHandler(lines.stream), root.level
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    root.setLevel(level)
    silence_libraries()
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
