-- Generations of one date that may have loaded something, the newest first.
-- @org_slug STRING: the org
-- @first_day DATE: the date itself; a run cannot have been requested before it
-- @last_day DATE: the day of the request that asks
-- @run_ids ARRAY<STRING>: ids of the generations to look for
SELECT
  run_id, generation, requested_date, status, result, pipeline_version,
  IFNULL(JSON_VALUE(parameters, '$.force_refresh') = 'true', FALSE) AS forced
FROM organizations.org_meta_pipeline_runs
WHERE requested_date BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
  AND run_id IN UNNEST(@run_ids)
  AND status != 'CANCELLED'
ORDER BY generation DESC, started_at IS NULL, requested_date
