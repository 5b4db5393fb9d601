-- How many of an org's runs match, by the UTC day of their request and by status.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day the runs were requested on
-- @last_day DATE: last such day
-- @pipeline STRING: registry id, or the org's own name of the pipeline
-- @date DATE: the date whose costs were loaded
-- @not_pipeline STRING: registry id of which no run is wanted
-- @trigger_types ARRAY<STRING>: any of these; empty for all
SELECT requested_date, status, COUNT(*) AS runs
FROM organizations.org_meta_pipeline_runs
WHERE requested_date BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
  AND (@pipeline IS NULL OR @pipeline IN (pipeline, pipeline_id))
  AND (@date IS NULL OR date = @date)
  AND (@not_pipeline IS NULL OR pipeline != @not_pipeline)
  AND (ARRAY_LENGTH(@trigger_types) = 0 OR trigger_type IN UNNEST(@trigger_types))
GROUP BY requested_date, status
