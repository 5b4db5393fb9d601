-- The people who may act for an org.
-- @org_slug STRING: the org
SELECT user_id, role, since
FROM organizations.org_memberships
WHERE org_slug = @org_slug AND role IN ('owner', 'admin', 'member')
ORDER BY user_id
