-- Everything that admitting a run needs for a caller with a key, in one row.
-- @key_hash STRING: SHA-256 of the caller's key
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
  subscription, integration, pipelines_today, webhook, latest
FROM (
  -- the query admission.sql
)
