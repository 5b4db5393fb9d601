-- Events of orgs, as webhooks post them, whether or not an org has one; and what became of each post, as far as looks at
-- Cloud Tasks have shown. Append-only and streamed: an event is one or more rows with the same event_id (docs/adr/0048).

CREATE TABLE IF NOT EXISTS organizations.org_events (
  occurred_on DATE NOT NULL OPTIONS (description = "UTC day of occurred_at"),
  org_slug STRING NOT NULL,
  event_id STRING NOT NULL OPTIONS (description = "the id that receivers see; equal events have equal ones"),
  event STRING NOT NULL OPTIONS (description = "type, such as quota_near; others may come"),
  occurred_at TIMESTAMP NOT NULL,
  data STRING OPTIONS (description = "JSON object as it is posted; NULL in the row of a look"),
  recorded_at TIMESTAMP NOT NULL,
  delivery STRING NOT NULL OPTIONS (description = "none: no webhook wants it; failed: Cloud Tasks did not take it; queued; and of a look: trying, delivered, given_up, unknown"),
  attempts INT64 OPTIONS (description = "posts that have begun, of a look"),
  tried_at TIMESTAMP OPTIONS (description = "when the last of them began"),
  http_status INT64 OPTIONS (description = "that the receiver answered it with; NULL without an answer"),
  failure STRING OPTIONS (description = "why it is no delivery: refused, timeout, unreachable or other"),
  next_try_at TIMESTAMP
)
PARTITION BY occurred_on
CLUSTER BY org_slug, event_id
OPTIONS (description = "What orgs are told of, and what became of the telling");
