-- The newest events that were to be posted to an org's webhook, and what is known of each post.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day of events
-- @last_day DATE: last such day
-- @row_limit INT64: events at most
SELECT
  org_slug, event_id, event, occurred_at, told_at, delivery, recorded_at, attempts, tried_at, http_status, failure, next_try_at
FROM organizations.org_deliveries
WHERE occurred_on BETWEEN @first_day AND @last_day AND org_slug = @org_slug
ORDER BY told_at DESC, event_id
LIMIT @row_limit
