-- How fast each pipeline's days settle, measured by the restatements of this org's own days: which part of a day's final
-- cost was there when it was read at most so many hours after its end. Measured are days of the last 120 that were read
-- after their last planned restatement and cost something, each currency by itself. A day that was not read so early is
-- not counted there; one that was read and had no row of a currency had nothing of its cost.
CREATE OR REPLACE VIEW org_dataset.restatement_curve
OPTIONS(description = 'How much of a day\'s final cost was there after 24, 48, 72 … hours: see docs/focus.md')
AS
SELECT
  org_slug,
  provider,
  pipeline,
  hours,
  COUNT(*) AS measured,
  AVG(share) AS mean_share,
  MIN(share) AS least_share,
  MAX(share) AS greatest_share,
  COUNTIF(share = 1) AS unchanged_since
FROM (
  SELECT
    finals.org_slug AS org_slug,
    finals.provider AS provider,
    finals.pipeline AS pipeline,
    known.hours AS hours,
    IFNULL(costs.after, 0) / finals.cost AS share
  FROM (
    SELECT
      days.org_slug AS org_slug,
      days.provider AS provider,
      days.pipeline AS pipeline,
      days.usage_date AS usage_date,
      cost.currency AS currency,
      cost.after AS cost
    FROM (
      SELECT
        org_slug,
        provider,
        pipeline,
        usage_date,
        ARRAY_AGG(STRUCT(completeness AS completeness, costs AS costs) ORDER BY generation DESC LIMIT 1)[
          OFFSET(0)
        ] AS latest
      FROM org_dataset.day_history
      WHERE usage_date >= DATE_SUB(CURRENT_DATE('UTC'), INTERVAL 120 DAY)
      GROUP BY org_slug, provider, pipeline, usage_date
    ) AS days
    INNER JOIN UNNEST(days.latest.costs) AS cost
    WHERE days.latest.completeness = 'final' AND cost.after != 0
  ) AS finals
  INNER JOIN (
    SELECT org_slug, provider, pipeline, usage_date, hours, MAX(generation) AS generation
    FROM org_dataset.day_history
    CROSS JOIN UNNEST([24, 48, 72, 96, 120, 144, 168, 240, 336, 504, 720]) AS hours
    WHERE usage_date >= DATE_SUB(CURRENT_DATE('UTC'), INTERVAL 120 DAY)
      AND TIMESTAMP_DIFF(read_at, TIMESTAMP(DATE_ADD(usage_date, INTERVAL 1 DAY)), HOUR) <= hours
    GROUP BY org_slug, provider, pipeline, usage_date, hours
  ) AS known
    ON known.org_slug = finals.org_slug
    AND known.provider = finals.provider
    AND known.pipeline = finals.pipeline
    AND known.usage_date = finals.usage_date
  LEFT JOIN (
    SELECT
      history.org_slug AS org_slug,
      history.provider AS provider,
      history.pipeline AS pipeline,
      history.usage_date AS usage_date,
      history.generation AS generation,
      each.currency AS currency,
      each.after AS after
    FROM org_dataset.day_history AS history
    INNER JOIN UNNEST(history.costs) AS each
    WHERE history.usage_date >= DATE_SUB(CURRENT_DATE('UTC'), INTERVAL 120 DAY)
  ) AS costs
    ON costs.org_slug = finals.org_slug
    AND costs.provider = finals.provider
    AND costs.pipeline = finals.pipeline
    AND costs.usage_date = finals.usage_date
    AND costs.generation = known.generation
    AND costs.currency = finals.currency
)
GROUP BY org_slug, provider, pipeline, hours;
