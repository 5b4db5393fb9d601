-- The steps of one run, in their order.
-- @org_slug STRING: the org
-- @run_id STRING: the run
-- @requested_date DATE: the day the run was requested, whose partition holds them all
SELECT
  step_logging_id, step_index, step_name, step_type, status, started_at, completed_at, duration_ms,
  rows_processed, progress, error_message, attempt, messages
FROM organizations.pipeline_step_logs
WHERE requested_date = @requested_date AND org_slug = @org_slug AND run_id = @run_id
ORDER BY step_index
