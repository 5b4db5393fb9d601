"""Webhooks of orgs. Rows are only added; the newest counts, and one without address ends the webhook."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudact.clock import Clock
from cloudact.warehouse.bigquery import Warehouse


@dataclass(frozen=True)
class Webhook:
    """Webhook of an org: address, the events it wants, and the number of the key that signs them."""

    org_slug: str
    url: str | None
    events: tuple[str, ...]
    key_version: int
    updated_at: datetime

    def wants(self, event: str) -> bool:
        """Whether the org wants this event."""
        return self.url is not None and event in self.events


@dataclass(frozen=True)
class WebhookColumns:
    """Columns of a webhook as queries return them, without the org."""

    url: str | None
    events: tuple[str, ...] | None
    key_version: int
    updated_at: datetime

    def of(self, org_slug: str) -> Webhook:
        """Webhook of this org with these columns."""
        return Webhook(org_slug, self.url, self.events or (), self.key_version, self.updated_at)


class Webhooks:
    """Reads and adds webhooks; raises `Retry` while BigQuery cannot be reached."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    def find(self, org_slug: str) -> Webhook | None:
        """Newest webhook of the org; `None` if it never had one. A removed one has no address."""
        rows = self._warehouse.read(WebhookColumns, "webhook", org_slug=org_slug)
        return rows[0].of(org_slug) if rows else None

    def put(self, org_slug: str, url: str, events: Sequence[str], *, new_key: bool = False) -> Webhook:
        """Sets address and events, and returns the webhook.

        The key stays unless a new one is asked for or it was removed.
        """
        before = self.find(org_slug)
        version = before.key_version if before else 0
        changed = new_key or before is None or before.url is None
        return self._add(org_slug, before, url, events, version + changed)

    def remove(self, org_slug: str) -> Webhook | None:
        """Removes the webhook for good, key included, and returns it; `None` if there was none."""
        before = self.find(org_slug)
        if before is None or before.url is None:
            return None
        return self._add(org_slug, before, None, (), before.key_version)

    def shows(self, written: Webhook) -> bool:
        """Whether this row, or a newer one, can be read."""
        newest = self.find(written.org_slug)
        return newest is not None and newest.updated_at >= written.updated_at

    def _add(
        self, org_slug: str, before: Webhook | None, url: str | None, events: Sequence[str], key_version: int
    ) -> Webhook:
        now = self._clock()
        at = max(now, before.updated_at + timedelta(microseconds=1)) if before else now
        row = {"org_slug": org_slug, "url": url, "events": [*events], "key_version": key_version}
        row_id = f"{org_slug}/{at.isoformat()}/{uuid.uuid4()}"  # of two at once both rows stand, and one counts
        self._warehouse.append("org_webhooks", [row | {"updated_at": at.isoformat()}], [row_id])
        return Webhook(org_slug, url, tuple(events), key_version, at)
