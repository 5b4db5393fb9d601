-- The people of an org and their roles; a role that is none is of somebody whose membership has ended.
-- @org_slug STRING: the org
SELECT user_id, role, since
FROM organizations.org_memberships
WHERE org_slug = @org_slug
ORDER BY user_id
