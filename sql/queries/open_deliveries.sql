-- Events of all orgs whose posts have not ended, as far as is known: Cloud Tasks is to be asked about them.
-- @first_day DATE: first UTC day of events
-- @last_day DATE: last such day
-- @row_limit INT64: events at most
SELECT
  org_slug,
  event_id,
  event,
  occurred_at,
  told_at,
  latest.delivery AS delivery,
  latest.recorded_at AS recorded_at,
  IFNULL(latest.attempts, 0) AS attempts,
  latest.tried_at AS tried_at,
  latest.http_status AS http_status,
  latest.failure AS failure,
  latest.next_try_at AS next_try_at
FROM (
  SELECT
    org_slug,
    event_id,
    MIN(event) AS event,
    MIN(occurred_at) AS occurred_at,
    MIN(recorded_at) AS told_at,
    ARRAY_AGG(
      STRUCT(
        delivery AS delivery,
        recorded_at AS recorded_at,
        attempts AS attempts,
        tried_at AS tried_at,
        http_status AS http_status,
        failure AS failure,
        next_try_at AS next_try_at
      )
      -- an end is one; a failure to queue was made good by whoever queued it later
      ORDER BY
        delivery IN ('delivered', 'given_up', 'unknown') DESC, delivery = 'failed', IFNULL(attempts, 0) DESC, recorded_at DESC
      LIMIT 1
    )[OFFSET(0)] AS latest
  FROM organizations.org_events
  WHERE occurred_on BETWEEN @first_day AND @last_day AND delivery != 'none'
  GROUP BY org_slug, event_id
)
WHERE latest.delivery IN ('queued', 'trying')
ORDER BY latest.recorded_at, event_id
LIMIT @row_limit
