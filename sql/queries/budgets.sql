-- A version of an org's budgets; no row where there is none.
-- @org_slug STRING: the org
-- @version INT64: the version; NULL: the highest one
SELECT version, budgets, digest, recorded_at, recorded_by
FROM organizations.org_budgets
WHERE org_slug = @org_slug AND (@version IS NULL OR version = @version)
ORDER BY version DESC
LIMIT 1
