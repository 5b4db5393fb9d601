-- Empties each version of an org's prepaid balances, as its dataset is deleted. The versions stay, since none may be written twice.
-- @org_slug STRING: the org
UPDATE organizations.org_balances
SET balances = '[]', digest = TO_HEX(SHA256('[]')), recorded_by = ''
WHERE org_slug = @org_slug
