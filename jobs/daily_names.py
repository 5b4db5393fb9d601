"""Keeps the names that a provider lists in the org's dataset: the first run of a UTC day reads them (docs/adr/0040).

Names come after the load and never undo it: whatever fails is a message for the run's owner, and the run a SUCCESS.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace

from cloudact.errors import RunError
from cloudact.logs import with_context
from jobs.deadline import Deadline
from providers import http
from providers.calls import Calls, Guest, Turns
from providers.directory import IN_WORDS, Directory, Kind, Listing, patience_for_names, read
from providers.source import Progress, SourceContext

log = logging.getLogger(__name__)
READ_WITHIN_S = 60.0
LAST_CALL_S = 30.0  # of a call that was begun within them
RECORDED_WITHIN_S = 20.0  # with the reading less than what the sweep takes for silence


@dataclass
class DailyNames:
    """Names of one provider for one org: `record` keeps them, unless a run of this UTC day has.

    They are read beside the reports where `begin` is called, so that a long list does not hold up the run's end.

    The id of the query that records them is that of org, provider and day, so BigQuery takes it once. A run that dies
    before leaves the id free, and the next run of the day reads; a reading in vain takes it, and tomorrow's run reads.
    """

    context: SourceContext
    open_directory: Callable[[SourceContext, Calls], Directory]
    read_within_s: float = READ_WITHIN_S

    def __post_init__(self) -> None:
        self._begun: Future[Listing | None] | None = None
        self._stopped = threading.Event()

    def begin(self, turns: Turns) -> None:
        """Begins to read in a thread of its own, with calls that take turns with those of the reports.

        A reading that has begun before is ended: a step that is tried again reads with other turns.
        """
        self.stop()
        begun, stopped = Future[Listing | None](), threading.Event()
        self._begun, self._stopped = begun, stopped

        def read_beside() -> None:
            try:
                begun.set_result(self._listing(Guest(turns), stopped))
            except BaseException as err:
                begun.set_exception(err)

        threading.Thread(target=with_context(read_beside), name="names", daemon=True).start()

    def stop(self) -> None:
        """Ends a reading that nobody waits for any more at its next call."""
        self._stopped.set()

    def record(self, progress: Progress) -> None:
        """Reads the names, unless that has begun, and records them; tells the owner what was and what was not read.

        Takes a minute and a half at most, and raises only what `progress` raises.
        """
        try:
            if self._begun is None:
                listing = self._listing(Turns(), self._stopped)
            else:
                listing = self._begun.result(self.read_within_s + LAST_CALL_S)
            if listing is not None:
                self._record(listing)
        except Exception as err:  # whatever it is: the costs are loaded
            why = err.message if isinstance(err, RunError) else str(err) or type(err).__name__
            run = self.context.run
            fields = {"event": "names_not_recorded", "run_id": run.run_id, "org_slug": run.org_slug, "why": why}
            log.warning("the provider's names were not recorded", extra={"fields": fields})
            progress.message("The names of projects and keys could not be kept; costs are not touched.", "WARNING")
            return
        for text, level in _sentences(listing) if listing else ():
            progress.message(text, level)

    @property
    def _job_id(self) -> str:
        run = self.context.run
        return f"names_{run.provider}_{run.org_slug}_{self.context.read_at:%Y%m%d}"

    def _is_done(self) -> bool:
        return self.context.day.warehouse.has_job(self._job_id)

    def _listing(self, turns: Turns, stopped: threading.Event) -> Listing | None:
        """What the lists tell; `None` where a run of the day has recorded it."""
        return None if self._is_done() else self._read(turns, stopped)

    def _read(self, turns: Turns, stopped: threading.Event) -> Listing:
        deadline = Deadline(self.read_within_s, "not all lists were answered")

        def tick() -> None:
            if stopped.is_set():
                raise TimeoutError("the run is over")
            deadline.tick()

        patience = patience_for_names(self.context.patience)
        with http.client(patience) as client:
            context = replace(self.context, http=lambda: client, patience=patience)
            return read(self.open_directory(context, Calls(tick, turns=turns)), turn=str(self.context.read_at.date()))

    def _record(self, listing: Listing) -> None:
        run, day = self.context.run, self.context.day
        job = day.warehouse.start_query(
            self._job_id,
            "record_names",
            day.dataset,
            provider=run.provider,
            org_slug=run.org_slug,
            run_id=run.run_id,
            observed_at=self.context.read_at,
            names=[json.dumps(asdict(named)) for named in listing.names],
            read_whole=listing.whole,
        )
        if job is None:  # another run of the day was faster
            return
        day.warehouse.wait_for(job, Deadline(RECORDED_WITHIN_S, "BigQuery has not added the names").tick)
        if job.error_result:
            raise ValueError(str(job.error_result.get("message")))


def _sentences(listing: Listing) -> Iterator[tuple[str, str]]:
    """Yields messages for the run's owner, each with its level."""
    counts = Counter(named.kind for named in listing.names)
    if counts:
        read_of = ", ".join(f"{counts[kind]} {IN_WORDS[kind]}" for kind in Kind if counts[kind])
        yield f"Names were read today: {read_of}.", "INFO"
    if listing.skipped:
        whole = listing.parents - listing.skipped
        yield f"What is in {whole} of {listing.parents} of these was listed; the others follow on other days.", "INFO"
    for why in dict.fromkeys(listing.troubles.values()):
        kinds = " and ".join(IN_WORDS[kind] for kind in Kind if listing.troubles.get(kind) == why)
        yield f"Names of {kinds} could not be read today: {why}", "WARNING"
    if listing.cut:
        yield f"Names were not read to the end, {listing.cut}; the rest follows tomorrow.", "WARNING"
