"""Named protobuf messages in a database: jobs, executions, key rings, keys, key versions."""

from typing import Any, Generic, TypeVar

from localcloud.google_apis.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind, name));
"""

Message = TypeVar("Message", bound=Any)


class MessageStore(Generic[Message]):
    """All messages of one proto-plus type that has a `name`."""

    def __init__(self, database: Database, message_type: type[Message]) -> None:
        self._database = database
        self._type = message_type
        self._kind = message_type.__name__
        self.transaction = database.transaction

    def save(self, message: Message) -> None:
        """Insert, or replace the message of this name."""
        self._database.execute(
            "INSERT INTO messages (kind, name, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body",
            self._kind, message.name, self._type.serialize(message),
        )  # fmt: skip

    def replace(self, message: Message) -> None:
        """Replace the message of this name; what was deleted stays deleted."""
        body = self._type.serialize(message)
        sql = "UPDATE messages SET body = ? WHERE kind = ? AND name = ?"
        self._database.execute(sql, body, self._kind, message.name)

    def find(self, name: str) -> Message | None:
        """The message of this name, a copy."""
        rows = self._database.rows("SELECT body FROM messages WHERE kind = ? AND name = ?", self._kind, name)
        return self._type.deserialize(rows[0][0]) if rows else None

    def delete(self, name: str) -> bool:
        """Remove it; False when there was none."""
        sql = "DELETE FROM messages WHERE kind = ? AND name = ?"
        return self._database.execute(sql, self._kind, name) > 0

    def under(self, prefix: str) -> list[Message]:
        """All whose name begins with `prefix`, oldest first."""
        rows = self._database.rows(
            "SELECT body FROM messages WHERE kind = ? AND substr(name, 1, ?) = ? ORDER BY id",
            self._kind, len(prefix), prefix,
        )  # fmt: skip
        return [self._type.deserialize(body) for (body,) in rows]
