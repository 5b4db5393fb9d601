-- What an org has set up, without credentials.
-- @org_slug STRING: the org
SELECT
  integration, status, credential_name, settings, fingerprint, validated_at, last_error, oldest_date, auth, updated_at
FROM organizations.org_current_integrations
WHERE org_slug = @org_slug
