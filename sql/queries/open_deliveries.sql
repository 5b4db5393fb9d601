-- Events of all orgs whose posts have not ended, as far as is known: Cloud Tasks is to be asked about them.
-- @first_day DATE: first UTC day of events
-- @last_day DATE: last such day
-- @row_limit INT64: events at most
SELECT
  org_slug, event_id, event, occurred_at, told_at, delivery, recorded_at, attempts, tried_at, http_status, failure, next_try_at
FROM organizations.org_deliveries
WHERE occurred_on BETWEEN @first_day AND @last_day AND delivery IN ('queued', 'trying')
ORDER BY recorded_at, event_id
LIMIT @row_limit
