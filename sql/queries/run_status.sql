-- Where one run stands, and what its tries have cost so far.
-- @org_slug STRING: the org
-- @run_id STRING: the run
-- @requested_date DATE: the day the run was requested
SELECT
  status,
  vcpu_seconds, memory_gib_seconds, service_bytes_billed, compute_usd, bigquery_usd, prices_of
FROM organizations.org_meta_pipeline_runs
WHERE requested_date = @requested_date AND org_slug = @org_slug AND run_id = @run_id
