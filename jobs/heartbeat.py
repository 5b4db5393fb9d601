"""Signs of life while a step works: told to the ledger, and a look at whether to go on at all."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cloudact.errors import Retry
from jobs.progress import StepStory

log = logging.getLogger(__name__)


class Life:
    """Called between pages and looks, as often as one likes. `watch` raises `Skip` where the run is unwanted."""

    def __init__(self, watch: Callable[[], None]) -> None:
        self._watch = watch

    def sign(self, story: StepStory, text: str, rows: int | None = None) -> None:
        """One sign; the ledger hears of it when it is due."""
        try:
            self._watch()
            story.progress(text, rows)
        except Retry as err:  # the next look is seconds away; giving up what a customer or provider worked for is not
            log.warning(err.message, exc_info=err)

    def of(self, story: StepStory, text: str) -> Callable[[], None]:
        """The same sign again and again."""
        return lambda: self.sign(story, text)

    def counted(self, batches: Iterable[Any], story: StepStory) -> Iterator[Any]:
        """The batches, with a sign of how many rows have passed at each."""
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            self.sign(story, f"{rows} rows read.", rows)
            yield batch
