-- Everything that is known of one org, in one row. An org whose slug differs only in case is found too, so that no
-- second one is made beside it.
-- @org_slug STRING: the org
SELECT
  (
    SELECT AS STRUCT org_slug, name, dataset, status, generation, keys_before, created_at
    FROM organizations.org_current_profiles
    WHERE org_slug = @org_slug OR LOWER(org_slug) = LOWER(@org_slug)
    ORDER BY org_slug != @org_slug
    LIMIT 1
  ) AS profile,
  (
    SELECT AS STRUCT status, plan, daily_limit, updated_at
    FROM organizations.org_current_subscriptions
    WHERE org_slug = @org_slug
    LIMIT 1
  ) AS subscription,
  ARRAY(
    SELECT AS STRUCT integration, status, configured, updated_at
    FROM organizations.org_current_integrations
    WHERE org_slug = @org_slug
    ORDER BY integration
  ) AS integrations,
  ARRAY(
    SELECT AS STRUCT org_slug, key_hash, number, key_prefix, created_at, expires_at, revoked_at
    FROM organizations.org_api_keys
    WHERE org_slug = @org_slug
    ORDER BY created_at, key_hash
  ) AS api_keys
