-- The orgs that a user belongs to.
-- @user_id STRING: the user, as the identity provider names them
SELECT org_slug, role, onboarded
FROM organizations.org_memberships
WHERE user_id = @user_id AND role IN ('owner', 'admin', 'member')
ORDER BY org_slug
