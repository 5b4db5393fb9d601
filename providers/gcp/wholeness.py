"""Whether an export still tells a whole day, and what a run that nobody forced may do where it does not.

Exports are only added to: rows that were there once, and are not, are lost and not corrected. What is loaded of them is
then all that is left, so it is kept, and only what is surely new is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from cloudact.runs.result import Cause, Completeness, Difference, Gap, Result, SourceDay, exact_difference
from providers.gcp.export import ExportTable, days_of
from providers.gcp.source_day import Facts

TOLERANCE = Decimal("0.01")  # of a currency: less is rounding, as of a table that was copied through text


@dataclass(frozen=True)
class Wholeness:
    """Completeness of a day. `before` is what its loaded rows were read from, `None` where nothing is loaded.

    `unseen_only`: rows that were exported later than what is loaded may be the same charges once more.
    """

    gap: Gap | None = None
    before: SourceDay | None = None
    unseen_only: bool = False

    @property
    def keeps(self) -> bool:
        """Whether what is loaded stays."""
        return self.gap is not None and self.gap.kept


def judge(
    export: ExportTable,
    day: date,
    facts: Facts,
    before: SourceDay | None,
    last: Result | None,
    now: datetime,
    *,
    forced: bool,
) -> Wholeness:
    """Compares the export with what the loaded day was read from; `last` is the result of the last run."""
    if before is None:
        return Wholeness(_never_whole(export, day, facts, now))
    missing = _missing(export, facts, before)
    if missing is None:
        return Wholeness(_still_partial(facts, before, last), before)
    cause = _cause(export, day, before, now)
    gap = Gap(cause=cause, text=_words(cause, export, day, before), kept=not forced, missing=missing)
    return Wholeness(gap, before, unseen_only=_may_repeat(export, day, before))


def _missing(export: ExportTable, facts: Facts, before: SourceDay) -> Difference | None:
    """Rows and costs that were read once and are gone from the export; `None` where none are.

    Of rows exported until the newest that was read there can be more by now, as some become visible late, but no fewer.
    """
    difference = exact_difference(before.cost, facts.kept_cost)
    cost = {currency: amount for currency, amount in difference.items() if abs(amount) > TOLERANCE}
    fewer = before.rows - facts.kept_rows
    if fewer > 0 and not cost and any(before.cost.values()) and before.table not in (None, str(export)):
        return None  # the same money in fewer rows: the standard export after the detailed one
    older = before.oldest is not None and (facts.oldest is None or facts.oldest > before.oldest)
    lost = fewer > 0 or older or (fewer == 0 and cost)
    return Difference(rows=max(fewer, 0), cost=cost) if lost else None


def _never_whole(export: ExportTable, day: date, facts: Facts, now: datetime) -> Gap | None:
    """The gap of a first load that cannot be the whole day; `None` for a whole one."""
    midnight, filled = datetime.combine(day, time(), UTC), export.filled_from
    lost_by = export.lost_by(now)
    if lost_by and day <= lost_by:
        cause = Cause.EXPIRED
    elif filled and filled > midnight and (facts.oldest is None or (export.created or filled) <= facts.oldest):
        # Rows older than the table were copied into it, and with them, as far as anybody can tell, the whole day.
        cause = Cause.NOT_COVERED
    else:
        return None
    return Gap(cause=cause, text=_words(cause, export, day, None), kept=False, missing=None)


def _still_partial(facts: Facts, before: SourceDay, last: Result | None) -> Gap | None:
    """The last run's gap, if that left the day partial and no older rows of it have turned up since."""
    if last is None or last.completeness is not Completeness.PARTIAL or facts.kept_rows > before.rows:
        return None
    return last.gap


def _same_table(export: ExportTable, before: SourceDay) -> bool:
    if before.table is None:  # an older run has not told: it was this table if that was there when the day was exported
        return not (export.created and before.newest and export.created > before.newest)
    return before.table == str(export) and before.created in (None, export.created)


def _cause(export: ExportTable, day: date, before: SourceDay, now: datetime) -> Cause:
    if before.table not in (None, str(export)):
        return Cause.MOVED
    if not _same_table(export, before):
        return Cause.RECREATED
    lost_by = export.lost_by(now)
    return Cause.EXPIRED if lost_by and day <= lost_by else Cause.GONE


def _may_repeat(export: ExportTable, day: date, before: SourceDay) -> bool:
    """Whether newer rows of the export can be charges that are loaded already, from another table.

    That other table was exported to beside this one, or Google has filled this one backwards.
    """
    if _same_table(export, before):
        return False
    beside = export.created is None or before.newest is None or export.created <= before.newest
    backwards = export.filled_from != export.created and (export.oldest_date is None or day >= export.oldest_date)
    return beside or backwards


def _words(cause: Cause, export: ExportTable, day: date, before: SourceDay | None) -> str:
    since = f"{export.created:%Y-%m-%d %H:%M} UTC" if export.created else "later"
    match cause:
        case Cause.EXPIRED:
            keeps = days_of(export.keeps) if export.keeps else "some"
            return f"{export} deletes partitions after {keeps} days, and the first of {day} have expired."
        case Cause.MOVED:
            source = before.table if before else "another table"
            return f"{day} was loaded from {source}; {export}, made {since}, does not have all of its rows."
        case Cause.RECREATED:
            return f"{export} was made anew ({since}) after {day} was loaded, and does not have all of its rows."
        case Cause.GONE:
            return f"Rows of {day} that were loaded are gone from {export}, or no longer cost what they did."
        case Cause.NOT_COVERED:
            return f"{export} was made after {day} had begun ({since}), and holds only what was exported since."


def described(gap: Gap) -> str:
    """Sentences for the org about the gap and what can be done about it."""
    if not gap.kept:
        missing = f" {gap.missing} of what was loaded before are no longer told." if gap.missing else ""
        return f"{gap.text} The day is loaded as far as it is there.{missing}"
    parts = [gap.text, f"What was loaded is kept; the export lacks {gap.missing} of it."]
    if gap.added:
        parts.append(f"New since then, and added: {gap.added}.")
    if gap.held_back:
        parts.append(f"Not added, since it may be loaded already: {gap.held_back}.")
    parts.append("The day is frozen. To replace it by what the export has now, start the run again with force_refresh.")
    return " ".join(parts)


def completed(wholeness: Wholeness, added: Difference | None, held_back: Difference | None) -> Gap | None:
    """The gap with what was added and held back; `None` where there is none."""
    if wholeness.gap is None or not wholeness.keeps:
        return wholeness.gap
    return wholeness.gap.model_copy(update={"added": added, "held_back": held_back})
