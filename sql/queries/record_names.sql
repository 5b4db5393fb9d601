-- Records what has changed among the names that a provider lists: what is new, is called otherwise, moved, has another
-- status, or is gone. Runs with the org's dataset as default dataset. An INSERT, which takes place once under its job id.
-- @provider STRING: the provider's id
-- @org_slug STRING: the org
-- @run_id STRING: the run that has read the lists
-- @observed_at TIMESTAMP: its first start
-- @names ARRAY<STRING>: JSON objects of kind, id, name, parent_id and status, as texts; each kind and id once
-- @read_whole ARRAY<STRING>: what is gone if it is not among the names: a kind, or kind/parent_id
INSERT INTO provider_name_changes (
  provider, kind, id, parent_id, name, status, observed_at, org_slug, run_id
)
WITH
listed AS (
  SELECT
    JSON_VALUE(entry, '$.kind') AS kind,
    JSON_VALUE(entry, '$.id') AS id,
    JSON_VALUE(entry, '$.parent_id') AS parent_id,
    JSON_VALUE(entry, '$.name') AS name,
    JSON_VALUE(entry, '$.status') AS status
  FROM UNNEST(@names) AS entry
),
known AS (
  SELECT
    kind,
    id,
    ARRAY_AGG(STRUCT(parent_id, name, status) ORDER BY observed_at DESC, status LIMIT 1)[OFFSET(0)] AS latest
  FROM provider_name_changes
  WHERE org_slug = @org_slug AND provider = @provider
  GROUP BY kind, id
)
SELECT
  @provider,
  listed.kind,
  listed.id,
  listed.parent_id,
  listed.name,
  listed.status,
  @observed_at,
  @org_slug,
  @run_id
FROM listed
LEFT JOIN known ON known.kind = listed.kind AND known.id = listed.id
WHERE
  known.id IS NULL
  OR IFNULL(known.latest.parent_id, '') != IFNULL(listed.parent_id, '')
  OR IFNULL(known.latest.name, '') != IFNULL(listed.name, '')
  OR known.latest.status != listed.status
UNION ALL
SELECT
  @provider,
  known.kind,
  known.id,
  known.latest.parent_id,
  known.latest.name,
  'gone',
  @observed_at,
  @org_slug,
  @run_id
FROM known
LEFT JOIN listed ON listed.kind = known.kind AND listed.id = known.id
WHERE
  listed.id IS NULL
  AND known.latest.status != 'gone'
  AND (known.kind IN UNNEST(@read_whole) OR CONCAT(known.kind, '/', known.latest.parent_id) IN UNNEST(@read_whole))
