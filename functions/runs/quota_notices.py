"""Notifies an org that its day's quota runs out: once at four fifths, once when the last run is admitted."""

from datetime import timedelta

from cloudact.clock import Clock, next_midnight
from cloudact.notify.notifications import Event, quota_used
from cloudact.notify.notifier import Notifier
from cloudact.notify.webhooks import Webhook
from functions.auth.cache import ExpiringMap

RETRY_AFTER = timedelta(seconds=60)  # after a failure: nobody's every trigger may wait for a queue that is down


class QuotaNotices:
    """Notices of a quota that is nearly or fully used. Each instance sends one a threshold; equal events are one.

    Triggers at the same time have read an equal count, so any of them may have crossed a threshold that none of them
    sees crossed; hence every trigger beyond one notifies, unless this instance has.
    """

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        self._notifier = notifier
        self._clock = clock
        self._sent: ExpiringMap[tuple[str, Event, int], None] = ExpiringMap(clock)

    def used(self, org_slug: str, webhook: Webhook | None, used: int, daily_limit: int) -> None:
        """Notifies the org if `used`, its requested runs of the day, has reached a threshold. Never raises."""
        event = threshold(used, daily_limit)
        now = self._clock()
        if event is None or not self._sent.add((org_slug, event, daily_limit), None, next_midnight(now)):
            return
        if not self._notifier.notify_webhook(webhook, quota_used(org_slug, event, used, daily_limit, now)):
            self._sent.put((org_slug, event, daily_limit), None, now + RETRY_AFTER)


def threshold(used: int, daily_limit: int) -> Event | None:
    """Event of a quota with `used` runs of the limit; `None` below four fifths, rounded up."""
    if daily_limit <= 0 or used * 5 < daily_limit * 4:
        return None
    return Event.QUOTA_REACHED if used >= daily_limit else Event.QUOTA_NEAR
