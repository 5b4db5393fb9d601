-- Everything that is known of one org, in one row. An org whose slug differs only in case is found too, so that no
-- second one is made beside it.
-- @org_slug STRING: the org
SELECT profile, subscription, IFNULL(integrations, []) AS integrations, IFNULL(api_keys, []) AS api_keys
FROM (
  SELECT
    ARRAY_AGG(
      STRUCT(org_slug, name, dataset, status, generation, keys_before, created_at)
      ORDER BY org_slug != @org_slug LIMIT 1
    )[SAFE_OFFSET(0)] AS profile
  FROM organizations.org_current_profiles
  WHERE org_slug = @org_slug OR LOWER(org_slug) = LOWER(@org_slug)
)
CROSS JOIN (
  SELECT
    ARRAY_AGG(
      STRUCT(status, plan, daily_limit, updated_at) ORDER BY updated_at DESC LIMIT 1
    )[SAFE_OFFSET(0)] AS subscription
  FROM organizations.org_subscriptions
  WHERE org_slug = @org_slug
)
CROSS JOIN (
  SELECT ARRAY_AGG(STRUCT(integration, status, configured, updated_at) ORDER BY integration) AS integrations
  FROM organizations.org_current_integrations
  WHERE org_slug = @org_slug
)
CROSS JOIN (
  SELECT
    ARRAY_AGG(
      STRUCT(org_slug, key_hash, number, key_prefix, created_at, expires_at, revoked_at) ORDER BY created_at, key_hash
    ) AS api_keys
  FROM organizations.org_api_keys
  WHERE org_slug = @org_slug
)
