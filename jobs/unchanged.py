"""Days that have not changed: what a run has read is what the tables have already, so nothing is loaded."""

from collections.abc import Mapping

from cloudact.runs.result import Earlier, Fingerprint

UNCHANGED = "The source has not changed since the last load; nothing was loaded."


def is_loaded(fingerprint: Fingerprint, earlier: Earlier, had: Mapping[str, int]) -> bool:
    """Whether the newest load of the day has these rows, and nothing can have been loaded since.

    `had` counts the rows of each table now: that notices tables that were made anew, as when an org comes back.
    """
    if not earlier.untouched or earlier.previous is None:
        return False
    counted = {name: table.rows for name, table in fingerprint.tables.items()}
    return fingerprint.same_rows(earlier.previous.fingerprint) and counted == had
