-- Changes of each day's cost: which run changed it, from what to what, and why. docs/focus.md tells how it is read.
-- The changes of a day and currency add up to what the day costs, so a day that was loaded before its history begins
-- starts with what it cost then (before_history). A bound on usage_date prunes the partitions.
CREATE OR REPLACE VIEW org_dataset.cost_changes
OPTIONS(description = 'Changes of each day\'s cost, run by run: see docs/focus.md')
AS
SELECT
  history.usage_date AS usage_date,
  history.org_slug AS org_slug,
  history.provider AS provider,
  history.pipeline AS pipeline,
  history.run_id AS run_id,
  history.generation AS generation,
  history.trigger_type AS trigger_type,
  history.pipeline_version AS pipeline_version,
  history.read_at AS read_at,
  history.recorded_at AS recorded_at,
  history.cause AS cause,
  history.completeness AS completeness,
  cost.currency AS currency,
  cost.before AS cost_before,
  cost.after AS cost_after,
  cost.after - cost.before AS cost_change,
  history.rows_before AS rows_before,
  history.rows_after AS rows_after
FROM org_dataset.day_history AS history
LEFT JOIN UNNEST(history.costs) AS cost
WHERE history.is_changed
UNION ALL
SELECT
  firsts.usage_date AS usage_date,
  firsts.org_slug AS org_slug,
  firsts.provider AS provider,
  firsts.pipeline AS pipeline,
  CAST(NULL AS STRING) AS run_id,
  CAST(NULL AS INT64) AS generation,
  CAST(NULL AS STRING) AS trigger_type,
  CAST(NULL AS STRING) AS pipeline_version,
  CAST(NULL AS TIMESTAMP) AS read_at,
  CAST(NULL AS TIMESTAMP) AS recorded_at,
  'before_history' AS cause,
  CAST(NULL AS STRING) AS completeness,
  cost.currency AS currency,
  NUMERIC '0' AS cost_before,
  cost.before AS cost_after,
  cost.before AS cost_change,
  0 AS rows_before,
  firsts.earliest.rows_before AS rows_after
FROM (
  SELECT
    usage_date,
    org_slug,
    provider,
    pipeline,
    ARRAY_AGG(STRUCT(costs AS costs, rows_before AS rows_before) ORDER BY generation LIMIT 1)[OFFSET(0)] AS earliest
  FROM org_dataset.day_history
  GROUP BY usage_date, org_slug, provider, pipeline
) AS firsts
INNER JOIN UNNEST(firsts.earliest.costs) AS cost
WHERE cost.before != 0;
