"""Cursors: opaque to the client, bound to the exact query, which every page must repeat."""

import base64
import json
from hashlib import sha256

from localcloud.providers.parameters import Parameters

Position = tuple[int, int]  # bucket or row, and the result within it
START: Position = (0, 0)


class WrongCursor(ValueError):
    """The cursor is not ours, or belongs to another query."""


class Cursors:
    """Writes and reads the cursors of one query of one key."""

    def __init__(self, key: str, path: str, parameters: Parameters) -> None:
        asked = sorted(pair for pair in parameters.pairs if pair[0] != "page")
        self._query = sha256(repr((key, path, asked)).encode()).hexdigest()[:16]
        self._asked = parameters.one("page")

    def position(self) -> Position:
        """Where the page that was asked for begins. Raises WrongCursor."""
        if self._asked is None:
            return START
        try:
            query, bucket, result = json.loads(base64.urlsafe_b64decode(self._asked.removeprefix("page_")))
        except ValueError as err:
            raise WrongCursor("not a cursor") from err
        if query != self._query:
            raise WrongCursor("a cursor of another query")
        return int(bucket), int(result)

    def at(self, position: Position) -> str:
        """The cursor of the page that begins there."""
        content = json.dumps([self._query, *position]).encode()
        return f"page_{base64.urlsafe_b64encode(content).decode()}"
