-- Everything that admitting a run needs, in one row: key, subscription, integration, quota used, latest generation.
-- @key_hash STRING: SHA-256 of the caller's key
-- @org_slug STRING: the org in the path
-- @integration STRING: the integration the pipeline requires; NULL while the pipeline is not known
-- @today DATE: the UTC day whose quota counts
-- @date DATE: the date asked for; a run cannot have been requested before it
-- @run_ids ARRAY<STRING>: ids of the generations to look for
SELECT
  api_key.org_slug AS key_org_slug,
  api_key.expires_at AS key_expires_at,
  api_key.revoked_at AS key_revoked_at,
  subscription.status AS subscription_status,
  subscription.plan AS plan,
  subscription.daily_limit AS daily_limit,
  integration.status AS integration_status,
  usage.pipelines_today AS pipelines_today,
  latest.run_id AS run_id,
  latest.generation AS generation,
  latest.status AS run_status,
  latest.requested_date AS run_requested_date
FROM (
  SELECT COUNT(DISTINCT IF(counted, run_id, NULL)) AS pipelines_today
  FROM organizations.pipeline_run_events
  WHERE requested_date = @today AND org_slug = @org_slug
) AS usage
LEFT JOIN (
  SELECT org_slug, expires_at, revoked_at
  FROM organizations.org_api_keys_secure
  WHERE key_hash = @key_hash
  LIMIT 1
) AS api_key ON TRUE
LEFT JOIN (
  SELECT status, plan, daily_limit
  FROM organizations.org_subscriptions
  WHERE org_slug = @org_slug
  ORDER BY updated_at DESC
  LIMIT 1
) AS subscription ON TRUE
LEFT JOIN (
  SELECT status
  FROM organizations.org_integrations
  WHERE org_slug = @org_slug AND integration = @integration
  ORDER BY updated_at DESC
  LIMIT 1
) AS integration ON TRUE
LEFT JOIN (
  SELECT run_id, generation, status, requested_date
  FROM organizations.org_meta_pipeline_runs
  WHERE requested_date BETWEEN @date AND @today AND org_slug = @org_slug AND run_id IN UNNEST(@run_ids)
  ORDER BY generation DESC
  LIMIT 1
) AS latest ON TRUE
