-- Active orgs whose datasets lack some script in the text that ships, and which; nobody who has everything.
-- @shipped ARRAY<STRING>: name and checksum, with a space between, of every script for an org's dataset
SELECT
  profiles.dataset AS dataset,
  ARRAY_AGG(shipped ORDER BY shipped) AS missing
FROM organizations.org_current_profiles AS profiles
CROSS JOIN UNNEST(@shipped) AS shipped
LEFT JOIN (
  SELECT dataset, CONCAT(script, ' ', ARRAY_AGG(checksum ORDER BY applied_at DESC LIMIT 1)[OFFSET(0)]) AS applied
  FROM organizations.schema_migrations
  WHERE scope = 'org'
  GROUP BY dataset, script
) AS latest ON latest.dataset = profiles.dataset AND latest.applied = shipped
WHERE profiles.status = 'ACTIVE' AND latest.dataset IS NULL
GROUP BY profiles.dataset
ORDER BY dataset
