-- What an org may do today, and what it has done.
-- @org_slug STRING: the org
-- @today DATE: the UTC day
SELECT
  (
    SELECT AS STRUCT status, plan, daily_limit
    FROM organizations.org_current_subscriptions
    WHERE org_slug = @org_slug
    LIMIT 1
  ) AS subscription,
  (
    SELECT COUNT(DISTINCT IF(counted, run_id, NULL))
    FROM organizations.pipeline_run_events
    WHERE requested_date = @today AND org_slug = @org_slug
  ) AS pipelines_today
