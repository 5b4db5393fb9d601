-- Deletes what an org has told of invoices, as its dataset is deleted.
-- @org_slug STRING: the org
DELETE FROM organizations.org_invoices
WHERE org_slug = @org_slug
