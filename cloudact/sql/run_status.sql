-- Where one run stands.
-- @org_slug STRING: the org
-- @run_id STRING: the run
-- @requested_date DATE: the day the run was requested
SELECT status, started_at
FROM organizations.org_meta_pipeline_runs
WHERE requested_date = @requested_date AND org_slug = @org_slug AND run_id = @run_id
