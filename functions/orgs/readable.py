"""Waits until rows that were just added can be read: a client that goes on at once may reach another instance.

BigQuery shows streamed rows within a few seconds (https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery);
an earlier request gets an older answer: unknown key, no integration. What is read here is not answered. After ten
seconds, or whatever an error says, the answer goes out all the same: it may show a key that is shown once.
"""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)
TIMEOUT_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0


def wait_until(readable: Callable[[], bool]) -> None:
    """Calls `readable` until it is true, for ten seconds. What it raises is logged and ends the wait."""
    give_up, pause_s = time.monotonic() + TIMEOUT_S, FIRST_PAUSE_S
    try:
        while not readable():
            if time.monotonic() + pause_s > give_up:
                log.warning("what was just added cannot be read yet", extra={"fields": {"event": "not_readable"}})
                return
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    except Exception as err:  # what was decided stands, whether or not it can be read: the answer must not get lost
        fields = {"event": "not_readable", "error": type(err).__name__}
        log.warning("whether what was just added can be read is not known", exc_info=err, extra={"fields": fields})
