-- A version of an org's prepaid balances; no row where there is none.
-- @org_slug STRING: the org
-- @version INT64: the version; NULL: the highest one
SELECT version, balances, digest, recorded_at, recorded_by
FROM organizations.org_balances
WHERE org_slug = @org_slug AND (@version IS NULL OR version = @version)
ORDER BY version DESC
LIMIT 1
