-- The result of the last run that looked for late rows.
-- @org_slug STRING: the org
-- @pipeline STRING: registry id
-- @first_day DATE: how far back is looked
-- @last_day DATE: the day of the request that asks
SELECT result
FROM organizations.org_meta_pipeline_runs
WHERE requested_date BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
  AND pipeline = @pipeline
  AND JSON_VALUE(result, '$.look.at') IS NOT NULL
ORDER BY requested_date DESC, JSON_VALUE(result, '$.look.at') DESC
LIMIT 1
