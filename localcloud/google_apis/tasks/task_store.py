"""Queues, tasks and the tombstones of used names in SQLite: the only truth about what is queued."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from google.cloud import tasks_v2

from localcloud.google_apis.database import Database
from localcloud.google_apis.rest.errors import AlreadyExists
from localcloud.google_apis.wire_types import Queue, Task

# "It might take up to 24 hours for the task's ID to be released" (CreateTaskRequest, client 2.26).
TASK_TOMBSTONE = timedelta(hours=24)
QUEUE_TOMBSTONE = timedelta(days=3)  # "a tombstone window of up to 3 days" (DeleteQueue)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
    name TEXT PRIMARY KEY, queue TEXT NOT NULL, due REAL NOT NULL, in_flight INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS tasks_by_due ON tasks (queue, in_flight, due);
CREATE TABLE IF NOT EXISTS tombstones (name TEXT PRIMARY KEY, until REAL NOT NULL);
UPDATE tasks SET in_flight = 0; -- whatever was in flight when the process died is delivered again
"""


class TaskStore:
    """Every method is atomic."""

    def __init__(self, state_dir: Path) -> None:
        self._database = Database(state_dir / "tasks.sqlite3", _SCHEMA)
        self.transaction = self._database.transaction
        self.close = self._database.close

    # Queues

    def save_queue(self, queue: Queue) -> None:
        """Insert or replace."""
        body = tasks_v2.Queue.serialize(queue)
        self._database.execute("INSERT OR REPLACE INTO queues VALUES (?, ?)", queue.name, body)

    def find_queue(self, name: str) -> Queue | None:
        """The queue, or None."""
        return next(iter(self._queues("SELECT body FROM queues WHERE name = ?", name)), None)

    def queues(self, parent: str = "") -> list[Queue]:
        """The queues of a location, or all, by name."""
        sql = "SELECT body FROM queues WHERE substr(name, 1, ?) = ? ORDER BY name"
        return self._queues(sql, len(parent), parent)

    def _queues(self, sql: str, *values: object) -> list[Queue]:
        return [tasks_v2.Queue.deserialize(body) for (body,) in self._database.rows(sql, *values)]

    def drop_queue(self, name: str, now: datetime) -> None:
        """Remove a queue with its tasks; its name is blocked for some days."""
        with self.transaction():
            self.purge(name, now)
            self._database.execute("DELETE FROM queues WHERE name = ?", name)
            self._bury(name, now + QUEUE_TOMBSTONE)

    def is_buried(self, name: str, now: datetime) -> bool:
        """True while a deleted name of a queue or task may not be used again."""
        sql = "SELECT 1 FROM tombstones WHERE name = ? AND until > ?"
        return bool(self._database.rows(sql, name, now.timestamp()))

    def _bury(self, name: str, until: datetime) -> None:
        sql = "INSERT OR REPLACE INTO tombstones VALUES (?, ?)"
        self._database.execute(sql, name, until.timestamp())

    # Tasks

    def add(self, task: Task, now: datetime) -> None:
        """Queue a new task. Raises AlreadyExists if its name is in use or was within 24 hours."""
        with self.transaction():
            if self.is_buried(task.name, now):
                raise AlreadyExists("Requested entity already exists")
            try:
                self._insert(task)
            except sqlite3.IntegrityError as err:
                raise AlreadyExists("Requested entity already exists") from err

    def _insert(self, task: Task) -> None:
        queue, due = task.name.rpartition("/tasks/")[0], task.schedule_time.timestamp()
        sql = "INSERT INTO tasks (name, queue, due, body) VALUES (?, ?, ?, ?)"
        self._database.execute(sql, task.name, queue, due, tasks_v2.Task.serialize(task))

    def find(self, name: str) -> Task | None:
        """The task while it is queued or in flight."""
        return next(iter(self._tasks("SELECT body FROM tasks WHERE name = ?", name)), None)

    def tasks(self, queue: str) -> list[Task]:
        """All tasks of a queue, the next one first."""
        return self._tasks("SELECT body FROM tasks WHERE queue = ? ORDER BY due, name", queue)

    def _tasks(self, sql: str, *values: object) -> list[Task]:
        return [tasks_v2.Task.deserialize(body) for (body,) in self._database.rows(sql, *values)]

    def remove(self, name: str, now: datetime) -> bool:
        """Delete a task, executed or not, and bury its name; False when it was gone already."""
        with self.transaction():
            removed = self._database.execute("DELETE FROM tasks WHERE name = ?", name) > 0
            if removed:
                self._bury(name, now + TASK_TOMBSTONE)
            return removed

    def purge(self, queue: str, now: datetime) -> None:
        """Delete all tasks of a queue; their names stay buried."""
        until = (now + TASK_TOMBSTONE).timestamp()
        with self.transaction():
            sql = "INSERT OR REPLACE INTO tombstones SELECT name, ? FROM tasks WHERE queue = ?"
            self._database.execute(sql, until, queue)
            self._database.execute("DELETE FROM tasks WHERE queue = ?", queue)
            self._database.execute("DELETE FROM tombstones WHERE until < ?", now.timestamp())

    # Dispatch

    def claim_due(self, queue: str, now: datetime, limit: int) -> list[str]:
        """Up to `limit` names whose time has come; each is in flight until rescheduled or removed."""
        with self.transaction():
            rows = self._database.rows(
                "SELECT name FROM tasks WHERE queue = ? AND in_flight = 0 AND due <= ? ORDER BY due LIMIT ?",
                queue, now.timestamp(), limit,
            )  # fmt: skip
            return [name for (name,) in rows if self.claim(name)]

    def claim(self, name: str) -> bool:
        """Take one task in flight; False if it is gone or in flight."""
        sql = "UPDATE tasks SET in_flight = 1 WHERE name = ? AND in_flight = 0"
        return self._database.execute(sql, name) > 0

    def next_due(self, queue: str) -> float | None:
        """The earliest time, as a timestamp, at which a waiting task of the queue is due."""
        sql = "SELECT min(due) FROM tasks WHERE queue = ? AND in_flight = 0"
        due: Any = self._database.rows(sql, queue)[0][0]
        return float(due) if due is not None else None

    def update(self, task: Task) -> None:
        """Write a task that is in flight."""
        sql = "UPDATE tasks SET body = ? WHERE name = ?"
        self._database.execute(sql, tasks_v2.Task.serialize(task), task.name)

    def reschedule(self, task: Task, last_status: int) -> None:
        """Put a failed task back in the queue, due at its schedule_time."""
        self._database.execute(
            "UPDATE tasks SET body = ?, due = ?, in_flight = 0, last_status = ? WHERE name = ?",
            tasks_v2.Task.serialize(task), task.schedule_time.timestamp(), last_status, task.name,
        )  # fmt: skip

    def last_status(self, name: str) -> int | None:
        """The HTTP status of the previous attempt, 0 if there was no answer; None before the second."""
        rows = self._database.rows("SELECT last_status FROM tasks WHERE name = ?", name)
        return rows[0][0] if rows else None
