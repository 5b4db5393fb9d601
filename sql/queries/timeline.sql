-- One page of what has happened in an org, the newest first.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day
-- @last_day DATE: last such day
-- @now TIMESTAMP: what is still to come, such as the end of a key, has not happened
-- @kinds ARRAY<STRING>: any of these; empty for all
-- @before_at TIMESTAMP: the page starts after what happened then …
-- @before_id STRING: … with this id
-- @row_limit INT64: rows of the page
SELECT
  day, happened_at, entry_id, kind, what, run_id, pipeline, date,
  generation, trigger_type, triggered_by, rows_processed, error_code, unchanged, cause, difference,
  integration, name, fingerprint, data
FROM organizations.org_timeline
WHERE day BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
  AND happened_at <= @now
  AND (ARRAY_LENGTH(@kinds) = 0 OR kind IN UNNEST(@kinds))
  AND (@before_at IS NULL OR happened_at < @before_at OR (happened_at = @before_at AND entry_id < @before_id))
ORDER BY happened_at DESC, entry_id DESC
LIMIT @row_limit
