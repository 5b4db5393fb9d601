"""What the local Cloud Run and KMS keep."""

from pathlib import Path

from google.cloud import run_v2

from localcloud.google_apis.database import Database
from localcloud.google_apis.message_store import SCHEMA, MessageStore


def test_what_was_deleted_is_not_replaced(tmp_path: Path) -> None:
    """An execution that is told to have ended after its job was deleted does not come back, and another one stays."""
    database = Database(tmp_path / "messages.sqlite3", SCHEMA)
    executions = MessageStore(database, run_v2.Execution)
    for name in ("job/executions/deleted", "job/executions/kept"):
        executions.save(run_v2.Execution(name=name))
    executions.delete("job/executions/deleted")
    for name in ("job/executions/deleted", "job/executions/kept"):
        executions.replace(run_v2.Execution(name=name, succeeded_count=1))
    found = [(each.name, each.succeeded_count) for each in executions.under("job/")]
    assert found == [("job/executions/kept", 1)]
    database.close()
