-- Records what was applied, to many datasets at once. The time is BigQuery's: those who apply have no other clock in common.
-- @records ARRAY<STRING>: JSON objects of dataset, scope, script, version, checksum, applied_by
INSERT INTO organizations.schema_migrations (dataset, scope, script, version, checksum, applied_at, applied_by)
SELECT
  JSON_VALUE(record, '$.dataset'),
  JSON_VALUE(record, '$.scope'),
  JSON_VALUE(record, '$.script'),
  CAST(JSON_VALUE(record, '$.version') AS INT64),
  JSON_VALUE(record, '$.checksum'),
  CURRENT_TIMESTAMP(),
  JSON_VALUE(record, '$.applied_by')
FROM UNNEST(@records) AS record
