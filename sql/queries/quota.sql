-- What an org may do today, and what it has done.
-- @org_slug STRING: the org
-- @today DATE: the UTC day
SELECT subscription, pipelines_today
FROM (
  SELECT
    ARRAY_AGG(STRUCT(status, plan, daily_limit) ORDER BY updated_at DESC LIMIT 1)[SAFE_OFFSET(0)] AS subscription
  FROM organizations.org_subscriptions
  WHERE org_slug = @org_slug
)
CROSS JOIN (
  SELECT COUNT(DISTINCT IF(counted, run_id, NULL)) AS pipelines_today
  FROM organizations.pipeline_run_events
  WHERE requested_date = @today AND org_slug = @org_slug
)
