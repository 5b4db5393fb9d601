-- How much an org has told of invoices.
-- @org_slug STRING: the org
SELECT COUNT(*) AS entries
FROM organizations.org_invoices
WHERE org_slug = @org_slug
