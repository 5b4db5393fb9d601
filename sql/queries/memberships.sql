-- The orgs that each of these users belongs to.
-- @user_ids ARRAY<STRING>: the users, as the identity provider names them
SELECT user_id, org_slug, role, onboarded
FROM organizations.org_memberships
WHERE user_id IN UNNEST(@user_ids) AND role IN ('owner', 'admin', 'member')
ORDER BY user_id, org_slug
