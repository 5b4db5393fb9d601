-- Changes of each day's cost: which run changed it, from what to what, and why. docs/focus.md tells how it is read.
-- The changes of a day and currency add up to what the day costs. A bound on usage_date prunes the partitions.
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
WHERE history.is_changed;
