-- One run of an org.
-- @org_slug STRING: the org
-- @run_id STRING: the run
-- @first_day DATE: the day it was asked for, or how far back it is looked for
-- @last_day DATE: the same day, or the last one
SELECT
  run_id, org_slug, pipeline_id, pipeline, provider, domain, status, date, generation, trigger_type, triggered_by,
  requested_date, created_at, started_at, completed_at, duration_ms, rows_processed, bytes_billed,
  vcpu_seconds, memory_gib_seconds, service_bytes_billed, compute_usd, bigquery_usd, prices_of,
  error_code, error_message, error_retryable, error_hint, parameters, pipeline_version, result,
  task_id, batch_id, enqueued, execution, execution_tasks
FROM organizations.org_meta_pipeline_runs
WHERE requested_date BETWEEN @first_day AND @last_day AND org_slug = @org_slug AND run_id = @run_id
ORDER BY started_at IS NULL, created_at
LIMIT 1
