"""The cause of a change: why a run replaces a day that was loaded before."""

from collections.abc import Mapping

from cloudact.runs.result import ChangeCause, Earlier, Fingerprint
from cloudact.runs.run import Run


def cause_of(
    run: Run, fingerprint: Fingerprint, earlier: Earlier, had: Mapping[str, int], version: str | None
) -> ChangeCause | None:
    """Cause of the change from what was loaded to `fingerprint`; `None` where nobody knows what was loaded.

    `had` counts the rows of each table before, and `version` is that of the pipeline's file now. Other rows at an equal
    cost are another file's doing if that has another version.
    """
    before = earlier.previous.fingerprint if earlier.previous else None
    if not any(had.values()) and (before is None or before.rows):
        return ChangeCause.FIRST_LOAD  # also of tables that were emptied since, as when an org comes back
    if before is None:
        return None
    if run.force_refresh:
        return ChangeCause.FORCED
    if fingerprint.cost == before.cost and earlier.version is not None and version != earlier.version:
        return ChangeCause.CODE
    came_later = fingerprint.rows > before.rows or not earlier.day_over
    return ChangeCause.LATE_ROWS if came_later or _is_newer(fingerprint, before) else ChangeCause.CORRECTION


def _is_newer(fingerprint: Fingerprint, before: Fingerprint) -> bool:
    """Whether an export has rows that were added since: it is never corrected but by rows of its own."""
    new, old = fingerprint.source, before.source
    if new is None or old is None:
        return False
    return new.rows > old.rows or bool(new.newest and old.newest and new.newest > old.newest)
