-- Everything that admitting a run needs but the caller, in one row: subscription, integration, quota used, latest
-- generation, and where the org is told that its quota comes to an end.
-- Each part is one row whether anything is stored or not, so that all of them meet.
-- @org_slug STRING: the org in the path
-- @integration STRING: the integration the pipeline requires; NULL while the pipeline is not known
-- @today DATE: the UTC day whose quota counts
-- @date DATE: the date asked for; a run cannot have been requested before it
-- @run_ids ARRAY<STRING>: ids of the generations to look for
SELECT subscription, integration, pipelines_today, webhook, latest
FROM (
  -- the query quota.sql
)
CROSS JOIN (
  SELECT
    ARRAY_AGG(
      STRUCT(status, oldest_date) ORDER BY updated_at DESC, validated_at DESC, ciphertext DESC LIMIT 1
    )[SAFE_OFFSET(0)] AS integration
  FROM organizations.org_integrations
  WHERE org_slug = @org_slug AND integration = @integration
)
CROSS JOIN (
  SELECT
    ARRAY_AGG(
      STRUCT(url, events, key_version, updated_at) ORDER BY updated_at DESC, key_version DESC, url DESC LIMIT 1
    )[SAFE_OFFSET(0)] AS webhook
  FROM organizations.org_webhooks
  WHERE org_slug = @org_slug
)
CROSS JOIN (
  SELECT
    ARRAY_AGG(
      STRUCT(run_id, generation, status, requested_date)
      ORDER BY generation DESC, started_at IS NULL, requested_date LIMIT 1
    )[SAFE_OFFSET(0)] AS latest
  FROM organizations.org_meta_pipeline_runs
  WHERE requested_date BETWEEN @date AND @today AND org_slug = @org_slug AND run_id IN UNNEST(@run_ids)
)
