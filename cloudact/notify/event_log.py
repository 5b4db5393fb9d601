"""Records events of orgs, and what became of their posts: rows are only added. Knows no webhook and no Cloud Tasks."""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloudact.clock import Clock
from cloudact.notify.notifications import Event, Notification
from cloudact.warehouse.bigquery import Warehouse

log = logging.getLogger(__name__)
TABLE = "org_events"
PATIENCE_S = 3.0  # of who records: what is recorded goes on whatever becomes of the row
_TOLD_BY_THE_LEDGER = (Event.RUN_FAILED, Event.INTEGRATION_INVALID)  # and by the rows of integrations


class Delivery(StrEnum):
    """State of an event's post. The first three are known at once, the others by looking at Cloud Tasks."""

    NONE = "none"
    FAILED = "failed"
    QUEUED = "queued"
    TRYING = "trying"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    UNKNOWN = "unknown"

    @property
    def open(self) -> bool:
        """Whether another post may follow."""
        return self in (Delivery.QUEUED, Delivery.TRYING)


class PostFailure(StrEnum):
    """Reason why a post was no delivery. `REFUSED`: the receiver has answered, with another status than 2xx."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    OTHER = "other"


@dataclass(frozen=True)
class Posts:
    """Posts of an event so far: how many, when and how the last one ended, and when the next is due.

    `http_status` and `failure` are `None` while the first is under way.
    """

    attempts: int = 0
    tried_at: datetime | None = None
    http_status: int | None = None
    failure: PostFailure | None = None
    next_try_at: datetime | None = None


class EventLog:
    """Appends rows of events. Never raises, and waits for seconds at most: `warehouse` has that patience."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    def told(self, notification: Notification, delivery: Delivery) -> None:
        """Records an event with what its teller knows of its post; an equal event again adds nothing.

        An event that nobody is to be posted is recorded only if no other table tells of it.
        """
        if delivery is Delivery.NONE and notification.event in _TOLD_BY_THE_LEDGER:
            return
        row = self._row(notification.org_slug, notification.id, notification.event, notification.created_at, delivery)
        data = json.dumps(notification.data, ensure_ascii=False)
        self._append(row | {"data": data}, f"{notification.id}/{delivery}")

    def looked(
        self, org_slug: str, event_id: str, event: str, occurred_at: datetime, delivery: Delivery, posts: Posts
    ) -> None:
        """Records what a look has shown of an event's post; the same again adds nothing."""
        row = self._row(org_slug, event_id, event, occurred_at, delivery)
        columns = {
            "attempts": posts.attempts,
            "tried_at": _text(posts.tried_at),
            "http_status": posts.http_status,
            "failure": posts.failure,
            "next_try_at": _text(posts.next_try_at),
        }
        self._append(row | columns, f"{event_id}/{delivery}/{posts.attempts}")

    def _row(
        self, org_slug: str, event_id: str, event: str, occurred_at: datetime, delivery: Delivery
    ) -> dict[str, object]:
        return {
            "occurred_on": occurred_at.date().isoformat(),
            "org_slug": org_slug,
            "event_id": event_id,
            "event": event,
            "occurred_at": occurred_at.isoformat(),
            "recorded_at": self._clock().isoformat(),
            "delivery": delivery,
        }

    def _append(self, row: dict[str, object], row_id: str) -> None:
        try:
            self._warehouse.append(TABLE, [row], [row_id])
        except Exception as err:  # what was told is told, and in the log
            fields = {"event": "event_not_recorded", "event_id": row["event_id"], "error_type": type(err).__name__}
            log.warning("an event could not be recorded", extra={"fields": fields})


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
