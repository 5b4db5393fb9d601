-- Everything that admitting a run needs, in one row: caller, subscription, integration, quota used, latest generation,
-- and where the org is told that its quota comes to an end.
-- Scalar sub-queries, because BigQuery refuses an outer join without an equality of both sides.
-- @key_hash STRING: SHA-256 of the caller's key; NULL for a person
-- @user_id STRING: the person who calls; NULL for a key
-- @org_slug STRING: the org in the path
-- @integration STRING: the integration the pipeline requires; NULL while the pipeline is not known
-- @today DATE: the UTC day whose quota counts
-- @date DATE: the date asked for; a run cannot have been requested before it
-- @run_ids ARRAY<STRING>: ids of the generations to look for
SELECT
  (
    SELECT AS STRUCT key_hash, org_slug, MIN(expires_at) AS expires_at, MIN(revoked_at) AS revoked_at
    FROM organizations.org_api_keys_secure
    WHERE key_hash = @key_hash
    GROUP BY key_hash, org_slug
    LIMIT 1
  ) AS api_key,
  ARRAY(
    SELECT AS STRUCT org_slug, role, onboarded
    FROM organizations.org_memberships
    WHERE user_id = @user_id AND role IN ('owner', 'admin', 'member')
    ORDER BY org_slug
  ) AS memberships,
  (
    SELECT AS STRUCT status, plan, daily_limit
    FROM organizations.org_subscriptions
    WHERE org_slug = @org_slug
    ORDER BY updated_at DESC
    LIMIT 1
  ) AS subscription,
  (
    SELECT AS STRUCT status, oldest_date
    FROM organizations.org_integrations
    WHERE org_slug = @org_slug AND integration = @integration
    ORDER BY updated_at DESC, validated_at DESC, ciphertext DESC
    LIMIT 1
  ) AS integration,
  (
    SELECT COUNT(DISTINCT IF(counted, run_id, NULL))
    FROM organizations.pipeline_run_events
    WHERE requested_date = @today AND org_slug = @org_slug
  ) AS pipelines_today,
  (
    SELECT AS STRUCT url, events, key_version, updated_at
    FROM organizations.org_webhooks
    WHERE org_slug = @org_slug
    ORDER BY updated_at DESC, key_version DESC, url DESC
    LIMIT 1
  ) AS webhook,
  (
    SELECT AS STRUCT run_id, generation, status, requested_date
    FROM organizations.org_meta_pipeline_runs
    WHERE requested_date BETWEEN @date AND @today AND org_slug = @org_slug AND run_id IN UNNEST(@run_ids)
    ORDER BY generation DESC, started_at IS NULL, requested_date
    LIMIT 1
  ) AS latest
