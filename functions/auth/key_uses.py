"""Days on which keys were last used.

A use is recorded before the answer goes out, because Cloud Run takes the processor away afterwards
(https://cloud.google.com/run/docs/tips/general); yet no request fails for it, or waits longer than a moment. The event
of a run names the key that asked for it, so a trigger that admits a run needs no record of its own. Anything else is
recorded once per key, day and instance; rows are only added, and the newest day counts.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import date, datetime, timedelta
from threading import Lock

from flask import Response, g, request

from cloudact import logs
from cloudact.clock import Clock, next_midnight
from cloudact.orgs.org import ApiKey, key_hash
from cloudact.warehouse.bigquery import Warehouse
from functions.auth.api_keys import KeyCache
from functions.auth.cache import ExpiringMap

log = logging.getLogger(__name__)
WAIT_S = 1.0  # of a request for its record; one that takes longer is finished beside the requests that follow
THREADS = 4
# After a record that failed or was slow: its cause would slow down the next one too.
RETRY_AFTER = timedelta(seconds=60)


class KeyUses:
    """Records the uses of valid keys, whatever the request is answered."""

    def __init__(self, warehouse: Warehouse, keys: KeyCache, clock: Clock, within_s: float = WAIT_S) -> None:
        self._warehouse = warehouse
        self._keys = keys
        self._clock = clock
        self._within_s = within_s
        self._lock = Lock()
        self._noted: ExpiringMap[tuple[str, date], None] = ExpiringMap(clock)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="key-uses")
        self._not_before: datetime | None = None

    def after(self, response: Response) -> Response:
        """Records the use by the current request, and returns the answer as it is; for Flask's `after_request`."""
        presented = request.headers.get("X-API-Key")
        hashed = key_hash(presented) if presented else g.get("key_hash")  # a session of the console has the hash alone
        key = self._keys.last(hashed) if hashed else None
        now = self._clock()
        if key is None or not key.usable(now) or (request.endpoint == "trigger" and response.status_code == 202):
            return response
        recording = self._begin(key, now)
        if recording and not wait([recording], self._within_s).done:
            self._pause(now)
        return response

    def _begin(self, key: ApiKey, now: datetime) -> Future[None] | None:
        """Starts the record of a use; returns `None` where the day has one, or shortly after a failed or slow one."""
        use = (key.fingerprint, now.date())
        with self._lock:
            paused = self._not_before is not None and now < self._not_before
        if paused or not self._noted.add(use, None, next_midnight(now)):
            return None
        return self._threads.submit(logs.with_context(lambda: self._record(key, now)))

    def _record(self, key: ApiKey, now: datetime) -> None:
        row = {"org_slug": key.org_slug, "fingerprint": key.fingerprint, "used_on": now.date().isoformat()}
        try:
            self._warehouse.append("org_api_key_uses", [row], [f"{key.fingerprint}/{now.date()}"])
        except Exception as err:
            log.warning("the use of a key could not be recorded", extra={"fields": row}, exc_info=err)
            self._pause(now)
            self._noted.discard((key.fingerprint, now.date()))

    def _pause(self, now: datetime) -> None:
        with self._lock:
            self._not_before = now + RETRY_AFTER
