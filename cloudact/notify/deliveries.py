"""Deliveries: what became of the events that were to be posted to webhooks, by what is recorded and by Cloud Tasks.

Cloud Tasks makes the posts, and tells of one only until it has ended (docs/adr/0048).
"""

import datetime as dt
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

from cloudact.clock import Clock
from cloudact.errors import Retry
from cloudact.logs import with_context
from cloudact.notify.event_log import Delivery, EventLog, PostFailure, Posts
from cloudact.notify.webhook_posts import Outbox
from cloudact.warehouse.bigquery import Warehouse

log = logging.getLogger(__name__)
SHOWN_DAYS = dt.timedelta(days=30)
OPEN_DAYS = dt.timedelta(days=7)  # an event may be told days after it, and is posted for a day then
KEPT = dt.timedelta(hours=24)  # for so long, at least, Cloud Tasks repeats a post that fails: infra/setup.sh
LOOK_EVERY = dt.timedelta(hours=1)
OPEN_AT_MOST = 500
LOOKS_AT_ONCE = 8


@dataclass(frozen=True)
class StoredDelivery:
    """Post of an event, by its rows: `told_at` is of the first one, `recorded_at` of the one that has the state."""

    org_slug: str
    event_id: str
    event: str
    occurred_at: dt.datetime
    told_at: dt.datetime
    delivery: Delivery
    recorded_at: dt.datetime
    attempts: int
    tried_at: dt.datetime | None
    http_status: int | None
    failure: PostFailure | None
    next_try_at: dt.datetime | None

    def found(self, posts: Posts | None, now: dt.datetime) -> "StoredDelivery":
        """Post after a look at Cloud Tasks, which has it still, or does not have it any more.

        Until a day has passed a post is gone because it was delivered. Afterwards one that was seen to fail is given
        up, and of one that nobody has looked at nothing is known.
        """
        if posts is not None:
            state = Delivery.TRYING if posts.attempts else Delivery.QUEUED
            return replace(self, delivery=state, recorded_at=now, **vars(posts))
        if now - self.told_at < KEPT:
            arrived = Posts(self.attempts + 1)
            return replace(self, delivery=Delivery.DELIVERED, recorded_at=now, **vars(arrived))
        state = Delivery.GIVEN_UP if self.delivery is Delivery.TRYING else Delivery.UNKNOWN
        return replace(self, delivery=state, recorded_at=now, next_try_at=None)

    @property
    def posts(self) -> Posts:
        """Posts that are known of."""
        return Posts(self.attempts, self.tried_at, self.http_status, self.failure, self.next_try_at)


class Deliveries:
    """Reads and follows deliveries. Without `outbox` nothing is posted.

    Raises `Retry` while BigQuery cannot be reached.
    """

    def __init__(self, warehouse: Warehouse, outbox: Outbox | None, events: EventLog, clock: Clock) -> None:
        self._warehouse = warehouse
        self._outbox = outbox
        self._events = events
        self._clock = clock
        self._next_look_at: dt.datetime | None = None

    def newest(self, org_slug: str, limit: int) -> list[StoredDelivery]:
        """Newest deliveries of the org, of the last thirty days, as they are now."""
        today = self._clock().date()
        stored = self._warehouse.read(
            StoredDelivery,
            "webhook_deliveries",
            org_slug=org_slug,
            first_day=today - SHOWN_DAYS,
            last_day=today,
            row_limit=limit,
        )
        return self._looked_at(stored)

    def follow(self) -> None:
        """Records what has become of open deliveries of all orgs, once an hour at most: for the sweep. Never raises.

        Cloud Tasks repeats a post for a day, so looks that are some hours apart miss no end.
        """
        now = self._clock()
        if self._outbox is None or (self._next_look_at and now < self._next_look_at):
            return
        try:
            self._follow(now)
            self._next_look_at = now + LOOK_EVERY
        except Exception as err:
            log.warning("deliveries could not be followed", exc_info=err)

    def _follow(self, now: dt.datetime) -> None:
        last_day = now.date()
        before = self._warehouse.read(
            StoredDelivery,
            "open_deliveries",
            first_day=last_day - OPEN_DAYS,
            last_day=last_day,
            row_limit=OPEN_AT_MOST,
        )
        for old, new in zip(before, self._looked_at(before), strict=True):
            if (old.delivery, old.posts) != (new.delivery, new.posts):
                self._events.looked(new.org_slug, new.event_id, new.event, new.occurred_at, new.delivery, new.posts)

    def _looked_at(self, stored: Sequence[StoredDelivery]) -> list[StoredDelivery]:
        """Deliveries, the open ones as Cloud Tasks has them now, or as they are recorded where it does not answer.

        Once it cannot be reached it is not asked again: each question would wait for seconds.
        """
        if not _any_open(stored):
            return [*stored]
        away = Event()
        with ThreadPoolExecutor(LOOKS_AT_ONCE, "deliveries") as threads:
            return [*threads.map(with_context(partial(self._look, away)), stored)]

    def _look(self, away: Event, delivery: StoredDelivery) -> StoredDelivery:
        if self._outbox is None or not delivery.delivery.open or away.is_set():
            return delivery
        try:
            posts = self._outbox.look(delivery.event, delivery.event_id)
        except Retry as err:
            away.set()
            log.warning(err.message, extra={"fields": {"code": err.code}})
            return delivery
        except Exception as err:  # whatever Cloud Tasks says: what is recorded is true, if older
            log.warning("Cloud Tasks does not tell of a delivery", extra={"fields": {"error": type(err).__name__}})
            return delivery
        return delivery.found(posts, self._clock())


def _any_open(stored: Sequence[StoredDelivery]) -> bool:
    return any(each.delivery.open for each in stored)
