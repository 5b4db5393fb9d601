-- Months of each provider by what is known of their days: a month may be copied once each is final by its last run.
-- A day counts once every pipeline of the provider that has loaded any day of its month has loaded it. A month that is billed
-- in another time zone ends in the UTC day after it: so that day must be final too. Rows of any earlier day may be billed in a
-- month: changed_at is of all days until then, and NULL where none has changed since there is a history.
CREATE OR REPLACE VIEW org_dataset.closable_months
OPTIONS(description = 'Which months may be closed, by their days: see docs/focus.md')
AS
WITH
runs AS (
  SELECT
    usage_date,
    org_slug,
    provider,
    pipeline,
    DATE_TRUNC(usage_date, MONTH) AS month_day,
    ARRAY_AGG(completeness ORDER BY generation DESC LIMIT 1)[OFFSET(0)] AS completeness,
    MAX(IF(is_changed, recorded_at, NULL)) AS changed_at
  FROM org_dataset.day_history
  GROUP BY usage_date, org_slug, provider, pipeline
),
expected AS (
  SELECT org_slug, provider, month_day, COUNT(DISTINCT pipeline) AS pipelines
  FROM runs
  GROUP BY org_slug, provider, month_day
),
days AS (
  SELECT
    runs.usage_date AS usage_date,
    runs.org_slug AS org_slug,
    runs.provider AS provider,
    COUNT(*) = MAX(expected.pipelines) AS is_loaded,
    LOGICAL_AND(runs.completeness IN ('final', 'frozen')) AS is_final,
    MAX(runs.changed_at) AS changed_at
  FROM runs
  INNER JOIN expected
    ON expected.org_slug = runs.org_slug AND expected.provider = runs.provider AND expected.month_day = runs.month_day
  GROUP BY runs.usage_date, runs.org_slug, runs.provider
),
months AS (
  SELECT
    org_slug,
    provider,
    DATE_ADD(DATE_TRUNC(usage_date, MONTH), INTERVAL months_on MONTH) AS first_day,
    COUNTIF(months_on = 0) AS days_known,
    COUNTIF(months_on = 0 AND is_loaded) AS days,
    COUNTIF(months_on = 0 AND is_loaded AND is_final) AS days_final,
    COUNTIF(months_on = -1 AND is_loaded AND is_final) AS days_after_final,
    MAX(changed_at) AS changed_at
  FROM days
  CROSS JOIN UNNEST([-1, 0]) AS months_on
  WHERE months_on = 0 OR EXTRACT(DAY FROM usage_date) = 1
  GROUP BY org_slug, provider, 3
)
SELECT
  org_slug,
  provider,
  FORMAT_DATE('%Y%m', first_day) AS invoice_month,
  first_day,
  EXTRACT(DAY FROM LAST_DAY(first_day)) - days AS days_missing,
  days - days_final AS days_not_final,
  days_final = EXTRACT(DAY FROM LAST_DAY(first_day)) AND days_after_final = 1 AS is_final,
  -- What keeps a month open that has no copy.
  CASE
    WHEN days < EXTRACT(DAY FROM LAST_DAY(first_day)) THEN 'days_missing'
    WHEN days_final < days THEN 'days_not_final'
    WHEN days_after_final != 1 THEN 'next_day_not_final'
    ELSE 'not_copied'
  END AS open_because,
  changed_until AS changed_at
FROM (
  SELECT *, MAX(changed_at) OVER (PARTITION BY org_slug, provider ORDER BY first_day) AS changed_until
  FROM months
)
WHERE days_known > 0;
