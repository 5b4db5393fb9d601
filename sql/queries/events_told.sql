-- Which of some events of an org were told: queued for its webhook, or wanted by none. One that Cloud Tasks did not take was
-- not, unless somebody has queued it later.
-- @org_slug STRING: the org
-- @event_ids ARRAY<STRING>: ids of the events
-- @first_day DATE: first UTC day on which one of them may have been told
-- @last_day DATE: last such day
SELECT DISTINCT event_id
FROM organizations.org_events
WHERE
  occurred_on BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
  AND event_id IN UNNEST(@event_ids)
  AND delivery != 'failed'
