"""Cache of stored callers, in which only so many look-ups may fail: a stranger cannot make us query without end.

Whoever was found before is never held up, whatever strangers do at the same time. Whoever is new while no look-up may
fail is noted, and the next look-up, of whomever, is for all who are noted: no storm keeps a right key out for longer.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from threading import Lock
from typing import TypeVar

from cloudact.clock import Clock
from cloudact.error_codes import Code
from functions.auth.cache import LOCK_STRIPES, ExpiringMap, TtlCache
from functions.auth.limits import LOOK_UPS, MOST_NOTED, STORM_TOLD_EVERY, TokenBuckets, too_many
from functions.web.problems import Problem

log = logging.getLogger(__name__)
Stored = TypeVar("Stored")
_ALL = ""  # one bucket for all callers: a stranger may have any number of names


class CallerCache(TtlCache[str, Stored]):
    """Cache of `read`, what is stored of each of some callers; `works` tells whether that lets anybody in.

    `get` raises 429 for a caller who is not known to work while no look-up may fail.
    """

    def __init__(
        self,
        read: Callable[[Collection[str]], Mapping[str, Stored]],
        clock: Clock,
        works: Callable[[Stored | None], bool],
    ) -> None:
        super().__init__(self._look_up, clock)
        self._read_stored = read
        self._works = works
        self._failures: TokenBuckets[str] = TokenBuckets(LOOK_UPS, clock)
        self._strangers = tuple(Lock() for _ in range(LOCK_STRIPES))  # nobody who is known waits for these
        self._noted: dict[str, None] = {}  # in the order in which they came
        self._noting = Lock()
        self._told: ExpiringMap[str, None] = ExpiringMap(clock)

    def known(self, caller: str) -> bool:
        """Whether the newest answer about the caller, however old, is one that works; reads nothing."""
        return self._works(self.last(caller))

    def get(self, caller: str) -> Stored:
        """Kept answer about the caller, or a new one. Raises 429 where no look-up may fail, without waiting for any."""
        if self.peek(caller) is None and not self.known(caller) and (wait := self._failures.wait(_ALL)):
            raise self._refusal(caller, wait)
        return super().get(caller)

    def _reading_lock(self, key: str) -> Lock:
        """Lock of the callers of this hash; strangers have locks of their own."""
        return super()._reading_lock(key) if self.known(key) else self._strangers[hash(key) % LOCK_STRIPES]

    def _look_up(self, caller: str) -> Stored:
        """Reads what is stored. A token is taken before, so that no more look-ups are under way than may fail."""
        if self.known(caller):
            return self._read_stored([caller])[caller]
        if wait := self._failures.take(_ALL):
            raise self._refusal(caller, wait)
        failed = False
        try:
            stored = self._read_with_noted(caller)
            failed = not all(map(self._works, stored.values()))
        finally:
            if not failed:
                self._failures.give_back(_ALL)
        return stored[caller]

    def _read_with_noted(self, caller: str) -> Mapping[str, Stored]:
        """Reads the caller, and in the same query all who are noted; keeps the answers about those."""
        with self._noting:
            noted = [*self._noted]
        asked_at = self._clock()
        stored = self._read_stored({caller, *noted})
        for each in noted:
            self.put(each, stored[each], asked_at)
        with self._noting:
            for each in noted:
                self._noted.pop(each, None)
        return stored

    def _refusal(self, caller: str, wait: timedelta) -> Problem:
        with self._noting:
            if len(self._noted) < MOST_NOTED:
                self._noted[caller] = None
        if self._told.add(_ALL, None, self._clock() + STORM_TOLD_EVERY):
            log.warning("look-ups of unknown callers are refused", extra={"fields": {"event": "look_ups_limited"}})
        detail = "Too many unknown callers were looked up lately. Please send the same request again later."
        return too_many(detail, wait, Code.LOOK_UPS_LIMITED)
