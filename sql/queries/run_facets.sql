-- How many runs an org has of each kind, to tell which filter of a list hides them all.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day the runs were requested on, as far back as runs are kept
-- @last_day DATE: last such day
-- @first_shown DATE: first day that the list is of
-- @last_shown DATE: last such day
-- @date DATE: the date whose costs the list is of
SELECT
  pipeline,
  status,
  trigger_type,
  requested_date >= @first_shown AND requested_date <= @last_shown AS in_days,
  @date IS NULL OR date = @date AS of_date,
  COUNT(*) AS runs
FROM organizations.org_meta_pipeline_runs
WHERE requested_date BETWEEN @first_day AND @last_day AND org_slug = @org_slug
GROUP BY pipeline, status, trigger_type, in_days, of_date
