-- How fast each pipeline's days settle, measured by the restatements of this org's own days: which part of a day's final
-- cost its tables had when it was read at most so many hours after its end. Measured are days of the last 120 that were
-- read again later, and at last after their last planned restatement. What was read before the day's end counts nowhere.
CREATE OR REPLACE VIEW org_dataset.restatement_curve
OPTIONS(description = 'How much of a day\'s final cost was there after 3, 6, 12, 24 … hours: see docs/focus.md')
AS
SELECT
  org_slug,
  provider,
  pipeline,
  hours,
  COUNT(*) AS measured,
  AVG(mean_share) AS mean_share,
  MIN(least_share) AS least_share,
  MAX(greatest_share) AS greatest_share,
  COUNTIF(is_unchanged) AS unchanged_since,
  COUNTIF(is_far_off) AS far_off
FROM (
  SELECT
    org_slug,
    provider,
    pipeline,
    usage_date,
    hours,
    AVG(SAFE_DIVIDE(cost_then, final_cost)) AS mean_share,
    MIN(SAFE_DIVIDE(cost_then, final_cost)) AS least_share,
    MAX(SAFE_DIVIDE(cost_then, final_cost)) AS greatest_share,
    LOGICAL_AND(cost_then = final_cost) AS is_unchanged,
    LOGICAL_OR(ABS(cost_then - final_cost) > ABS(final_cost) / 20) AS is_far_off
  FROM (
    SELECT
      known.org_slug AS org_slug,
      known.provider AS provider,
      known.pipeline AS pipeline,
      known.usage_date AS usage_date,
      known.hours AS hours,
      costs.currency AS currency,
      -- A currency that a read does not have costs nothing in it; a day without any cost has one row here, of no currency.
      IFNULL(SUM(IF(costs.generation = known.generation_then, costs.after, 0)), 0) AS cost_then,
      IFNULL(SUM(IF(costs.generation = known.last_generation, costs.after, 0)), 0) AS final_cost
    FROM (
      SELECT
        org_slug,
        provider,
        pipeline,
        usage_date,
        hours,
        MAX(generation) AS last_generation,
        MAX(IF(minutes >= 0 AND minutes <= hours * 60, generation, NULL)) AS generation_then,
        ARRAY_AGG(completeness ORDER BY generation DESC LIMIT 1)[OFFSET(0)] AS completeness
      FROM (
        SELECT
          org_slug,
          provider,
          pipeline,
          usage_date,
          generation,
          completeness,
          TIMESTAMP_DIFF(read_at, TIMESTAMP(DATE_ADD(usage_date, INTERVAL 1 DAY)), MINUTE) AS minutes
        FROM org_dataset.day_history
        WHERE usage_date >= DATE_SUB(CURRENT_DATE('UTC'), INTERVAL 120 DAY)
      )
      CROSS JOIN UNNEST([3, 6, 12, 24, 48, 72, 96, 120, 144, 168, 240, 336, 504, 720]) AS hours
      GROUP BY org_slug, provider, pipeline, usage_date, hours
    ) AS known
    LEFT JOIN (
      SELECT
        history.org_slug AS org_slug,
        history.provider AS provider,
        history.pipeline AS pipeline,
        history.usage_date AS usage_date,
        history.generation AS generation,
        cost.currency AS currency,
        cost.after AS after
      FROM org_dataset.day_history AS history
      INNER JOIN UNNEST(history.costs) AS cost
      WHERE history.usage_date >= DATE_SUB(CURRENT_DATE('UTC'), INTERVAL 120 DAY)
    ) AS costs
      ON costs.org_slug = known.org_slug
      AND costs.provider = known.provider
      AND costs.pipeline = known.pipeline
      AND costs.usage_date = known.usage_date
      AND costs.generation IN (known.generation_then, known.last_generation)
    WHERE known.completeness = 'final' AND known.generation_then < known.last_generation
    GROUP BY
      known.org_slug, known.provider, known.pipeline, known.usage_date, known.hours, costs.currency
  )
  GROUP BY org_slug, provider, pipeline, usage_date, hours
)
GROUP BY org_slug, provider, pipeline, hours;
