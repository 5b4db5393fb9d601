-- One page of an org's runs, newest first. A NULL filter lets everything through.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day the runs were requested on
-- @last_day DATE: last such day
-- @statuses ARRAY<STRING>: any of these; empty for all
-- @pipeline STRING: registry id, or the org's own name of the pipeline
-- @date DATE: the date whose costs were loaded
-- @not_pipeline STRING: registry id of which no run is wanted
-- @trigger_types ARRAY<STRING>: any of these; empty for all
-- @before_at TIMESTAMP: the page starts after the run requested then …
-- @before_id STRING: … with this id
-- @row_limit INT64: rows of the page
-- @row_offset INT64: rows to pass over
SELECT
  run_id, org_slug, pipeline_id, pipeline, provider, domain, status, date, generation, trigger_type, triggered_by,
  requested_date, created_at, started_at, completed_at, duration_ms, rows_processed, bytes_billed,
  vcpu_seconds, memory_gib_seconds, service_bytes_billed, compute_usd, bigquery_usd, prices_of,
  error_code, error_message, error_retryable, error_hint, parameters
FROM organizations.org_meta_pipeline_runs
WHERE requested_date BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
  AND (ARRAY_LENGTH(@statuses) = 0 OR status IN UNNEST(@statuses))
  AND (@pipeline IS NULL OR @pipeline IN (pipeline, pipeline_id))
  AND (@date IS NULL OR date = @date)
  AND (@not_pipeline IS NULL OR pipeline != @not_pipeline)
  AND (ARRAY_LENGTH(@trigger_types) = 0 OR trigger_type IN UNNEST(@trigger_types))
  AND (@before_at IS NULL OR created_at < @before_at OR (created_at = @before_at AND run_id < @before_id))
ORDER BY created_at DESC, run_id DESC
LIMIT @row_limit OFFSET @row_offset
