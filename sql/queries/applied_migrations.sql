-- What datasets have, by their newest records: a row for each script and text, however many orgs there are.
SELECT
  scope,
  script,
  checksum,
  COUNT(*) AS datasets,
  MIN(dataset) AS dataset
FROM (
  SELECT dataset, scope, script, ARRAY_AGG(checksum ORDER BY applied_at DESC LIMIT 1)[OFFSET(0)] AS checksum
  FROM organizations.schema_migrations
  GROUP BY dataset, scope, script
)
GROUP BY scope, script, checksum
ORDER BY scope, script, checksum
