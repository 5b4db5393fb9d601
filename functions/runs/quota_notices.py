"""Tells an org that its day's quota comes to an end: once at four fifths, once when the last run is admitted."""

from datetime import datetime, timedelta
from threading import Lock

from cloudact.clock import Clock, next_midnight
from cloudact.notify.notifications import Event, quota_used
from cloudact.notify.notifier import Notifier
from cloudact.notify.webhooks import Webhook

AGAIN = timedelta(seconds=60)  # after a failure: nobody's every trigger may wait for a queue that is down
CAPACITY = 10_000


class QuotaWatch:
    """Asked after every admission. An instance tells of a threshold once, the event's name once among all instances.

    Triggers at the same time have read the same count, so any of them may have crossed a threshold that none of them
    sees crossed; hence whoever is beyond one tells of it, unless this instance has.
    """

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        self._notifier = notifier
        self._clock = clock
        self._lock = Lock()
        self._silent: dict[tuple[str, Event, int], datetime] = {}

    def used(self, org_slug: str, webhook: Webhook | None, used: int, daily_limit: int) -> None:
        """So many runs were asked for today. Never fails."""
        event = threshold(used, daily_limit)
        if event is None or not self._first(org_slug, event, daily_limit):
            return
        now = self._clock()
        if not self._notifier.tell_to(webhook, quota_used(org_slug, event, used, daily_limit, now)):
            self._keep((org_slug, event, daily_limit), now + AGAIN)

    def _first(self, org_slug: str, event: Event, daily_limit: int) -> bool:
        """Whether this instance has not told of it today; from now on it has."""
        key, now = (org_slug, event, daily_limit), self._clock()
        with self._lock:
            if self._silent.get(key, now) > now:
                return False
        self._keep(key, next_midnight(now))
        return True

    def _keep(self, key: tuple[str, Event, int], until: datetime) -> None:
        with self._lock:
            self._silent.pop(key, None)
            while len(self._silent) >= CAPACITY:
                self._silent.pop(next(iter(self._silent)))
            self._silent[key] = until


def threshold(used: int, daily_limit: int) -> Event | None:
    """What this many of the day's runs mean: nothing below four fifths, rounded up."""
    if daily_limit <= 0 or used * 5 < daily_limit * 4:
        return None
    return Event.QUOTA_REACHED if used >= daily_limit else Event.QUOTA_NEAR
