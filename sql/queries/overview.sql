-- What an org may do today, what it has done, has set up and plans to spend, and the dates of its pipelines, so that a page
-- asks once.
-- @org_slug STRING: the org
-- @first_day DATE: the earliest of the dates
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
  ) AS pipelines_today,
  ARRAY(
    SELECT AS STRUCT integration, status, validated_at, last_error
    FROM organizations.org_current_integrations
    WHERE org_slug = @org_slug
    ORDER BY integration
  ) AS integrations,
  (
    SELECT plans
    FROM (
      -- the query plans_of_spending.sql
    ) AS plans
  ) AS plans,
  ARRAY(
    SELECT day
    FROM (
      -- the query pipeline_days.sql
    ) AS day
    ORDER BY day.pipeline, day.date
  ) AS days
