"""On which day a key was last used: recorded after the answer has gone out, so that no request waits or fails for it.

The event of a run names the key that asked for it, so a trigger that admits a run needs no record of its own. Anything
else is recorded once per key, day and instance; rows are only added, and the newest day counts.
"""

import logging
from datetime import date
from threading import Lock

from flask import Response, request

from cloudact.clock import Clock
from cloudact.orgs import ApiKey, key_hash
from cloudact.warehouse import Warehouse
from functions.auth import CAPACITY, KeyRing

log = logging.getLogger(__name__)


class KeyUses:
    """Notes the uses of keys that were let in, whatever they were answered."""

    def __init__(self, warehouse: Warehouse, keys: KeyRing, clock: Clock) -> None:
        self._warehouse = warehouse
        self._keys = keys
        self._clock = clock
        self._lock = Lock()
        self._noted: set[tuple[str, date]] = set()

    def after(self, response: Response) -> Response:
        """To be called with every answer."""
        presented = request.headers.get("X-API-Key")
        key = self._keys.recall(key_hash(presented)) if presented else None
        now = self._clock()
        if key is None or not key.usable(now) or (request.endpoint == "trigger" and response.status_code == 202):
            return response
        if self._is_new(key, now.date()):
            response.call_on_close(lambda: self._record(key, now.date()))
        return response

    def _is_new(self, key: ApiKey, day: date) -> bool:
        with self._lock:
            if (key.fingerprint, day) in self._noted:
                return False
            if len(self._noted) >= CAPACITY:
                self._noted.clear()
            self._noted.add((key.fingerprint, day))
            return True

    def _record(self, key: ApiKey, day: date) -> None:
        row = {"org_slug": key.org_slug, "fingerprint": key.fingerprint, "used_on": day.isoformat()}
        try:
            self._warehouse.append("org_api_key_uses", [row], [f"{key.fingerprint}/{day}"])
        except Exception as err:
            log.warning("the use of a key could not be recorded", extra={"fields": row}, exc_info=err)
            with self._lock:
                self._noted.discard((key.fingerprint, day))
