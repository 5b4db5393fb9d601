-- Members of an org by their ids, after one of them; and how many there are in all, and owners among them.
-- @org_slug STRING: the org
-- @after_id STRING: the page starts after this id; '' for the first one
-- @row_limit INT64: rows of the page
SELECT user_id, role, since, members, owners
FROM (
  SELECT
    user_id,
    role,
    since,
    COUNT(*) OVER () AS members,
    COUNT(IF(role = 'owner', user_id, NULL)) OVER () AS owners
  FROM organizations.org_memberships
  WHERE org_slug = @org_slug AND role IN ('owner', 'admin', 'member')
)
WHERE user_id > @after_id
ORDER BY user_id
LIMIT @row_limit
