-- How many runs an org has, by the UTC day of their request: of the narrowest columns, without the runs' states.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day the runs were requested on
-- @last_day DATE: last such day
SELECT requested_date, COUNT(DISTINCT run_id) AS runs
FROM organizations.pipeline_run_events
WHERE requested_date BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
GROUP BY requested_date
