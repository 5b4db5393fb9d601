-- What has happened in an org, of any kind, with one row each. A bound on `day` prunes partitions of the ledger and of the
-- events: there it is a grouping key. A run is on the day it was asked for, as in lists of runs.
-- kind: run, restatement (a run of the service's own for an older date), credential (of an integration, or an API key),
-- quota, budget, anomaly, given_up (dates that the service runs no more). Events of which the ledger or the integrations tell are left out.

CREATE OR REPLACE VIEW organizations.org_credential_changes AS
SELECT
  org_slug,
  integration,
  updated_at,
  credential_name,
  fingerprint,
  CASE
    WHEN NOT configured THEN IF(was_configured, 'removed', NULL)
    WHEN NOT IFNULL(was_configured, FALSE) OR fingerprint != fingerprint_before THEN 'set_up'
    WHEN status != status_before THEN LOWER(status)
    WHEN ciphertext != ciphertext_before THEN 'changed'
  END AS what
FROM (
  SELECT
    org_slug,
    integration,
    updated_at,
    credential_name,
    fingerprint,
    status,
    ciphertext,
    ciphertext IS NOT NULL AS configured,
    LAG(ciphertext IS NOT NULL) OVER newer AS was_configured,
    LAG(fingerprint) OVER newer AS fingerprint_before,
    LAG(status) OVER newer AS status_before,
    LAG(ciphertext) OVER newer AS ciphertext_before
  FROM organizations.org_integrations
  WINDOW newer AS (PARTITION BY org_slug, integration ORDER BY updated_at, validated_at, ciphertext)
);

CREATE OR REPLACE VIEW organizations.org_timeline AS
SELECT
  org_slug,
  requested_date AS day,
  created_at AS happened_at,
  run_id AS entry_id,
  IF(trigger_type = 'restatement', 'restatement', 'run') AS kind,
  LOWER(status) AS what,
  run_id,
  pipeline,
  date,
  generation,
  trigger_type,
  triggered_by,
  rows_processed,
  error_code,
  IF(status = 'SUCCESS', JSON_VALUE(result, '$.unchanged') = 'true', NULL) AS unchanged,
  IF(status = 'SUCCESS', JSON_VALUE(result, '$.cause'), NULL) AS cause,
  IF(status = 'SUCCESS', JSON_QUERY(result, '$.difference'), NULL) AS difference,
  CAST(NULL AS STRING) AS integration,
  CAST(NULL AS STRING) AS name,
  CAST(NULL AS STRING) AS fingerprint,
  CAST(NULL AS STRING) AS data
FROM organizations.org_meta_pipeline_runs
UNION ALL
SELECT
  org_slug,
  DATE(updated_at) AS day,
  updated_at AS happened_at,
  CONCAT('integration/', integration, '/', CAST(UNIX_MICROS(updated_at) AS STRING)) AS entry_id,
  'credential' AS kind,
  what,
  CAST(NULL AS STRING) AS run_id,
  CAST(NULL AS STRING) AS pipeline,
  CAST(NULL AS DATE) AS date,
  CAST(NULL AS INT64) AS generation,
  CAST(NULL AS STRING) AS trigger_type,
  CAST(NULL AS STRING) AS triggered_by,
  CAST(NULL AS INT64) AS rows_processed,
  CAST(NULL AS STRING) AS error_code,
  CAST(NULL AS BOOL) AS unchanged,
  CAST(NULL AS STRING) AS cause,
  CAST(NULL AS STRING) AS difference,
  integration,
  credential_name AS name,
  fingerprint,
  CAST(NULL AS STRING) AS data
FROM organizations.org_credential_changes
WHERE what IS NOT NULL
UNION ALL
SELECT
  org_slug,
  DATE(change.happened_at) AS day,
  change.happened_at AS happened_at,
  CONCAT('key/', SUBSTR(key_hash, 1, 16), '/', change.word) AS entry_id,
  'credential' AS kind,
  CONCAT('key_', change.word) AS what,
  CAST(NULL AS STRING) AS run_id,
  CAST(NULL AS STRING) AS pipeline,
  CAST(NULL AS DATE) AS date,
  CAST(NULL AS INT64) AS generation,
  CAST(NULL AS STRING) AS trigger_type,
  CAST(NULL AS STRING) AS triggered_by,
  CAST(NULL AS INT64) AS rows_processed,
  CAST(NULL AS STRING) AS error_code,
  CAST(NULL AS BOOL) AS unchanged,
  CAST(NULL AS STRING) AS cause,
  CAST(NULL AS STRING) AS difference,
  CAST(NULL AS STRING) AS integration,
  key_prefix AS name,
  SUBSTR(key_hash, 1, 16) AS fingerprint,
  CAST(NULL AS STRING) AS data
FROM organizations.org_api_keys
-- A key ends once: it is revoked, or it expires before that.
INNER JOIN UNNEST([
  STRUCT(created_at AS happened_at, 'made' AS word),
  STRUCT(IF(revoked_at IS NULL OR expires_at < revoked_at, expires_at, NULL) AS happened_at, 'expired' AS word),
  STRUCT(IF(expires_at IS NULL OR revoked_at <= expires_at, revoked_at, NULL) AS happened_at, 'revoked' AS word)
]) AS change
WHERE change.happened_at IS NOT NULL
UNION ALL
SELECT
  org_slug,
  occurred_on AS day,
  occurred_at AS happened_at,
  event_id AS entry_id,
  kind,
  event AS what,
  CAST(NULL AS STRING) AS run_id,
  CAST(NULL AS STRING) AS pipeline,
  CAST(NULL AS DATE) AS date,
  CAST(NULL AS INT64) AS generation,
  CAST(NULL AS STRING) AS trigger_type,
  CAST(NULL AS STRING) AS triggered_by,
  CAST(NULL AS INT64) AS rows_processed,
  CAST(NULL AS STRING) AS error_code,
  CAST(NULL AS BOOL) AS unchanged,
  CAST(NULL AS STRING) AS cause,
  CAST(NULL AS STRING) AS difference,
  CAST(NULL AS STRING) AS integration,
  CAST(NULL AS STRING) AS name,
  CAST(NULL AS STRING) AS fingerprint,
  data
FROM (
  SELECT
    occurred_on,
    org_slug,
    event_id,
    MIN(event) AS event,
    MIN(occurred_at) AS occurred_at,
    MAX(data) AS data,
    CASE
      WHEN MIN(event) = 'dates_given_up' THEN 'given_up'
      WHEN MIN(event) IN ('quota_near', 'quota_reached') THEN 'quota'
      WHEN STARTS_WITH(MIN(event), 'budget_') OR STARTS_WITH(MIN(event), 'balance_') THEN 'budget'
      WHEN MIN(event) IN ('cost_anomaly', 'cost_fell') THEN 'anomaly'
    END AS kind
  FROM organizations.org_events
  GROUP BY occurred_on, org_slug, event_id
)
WHERE kind IS NOT NULL;
