-- Months of each provider by what is known of their days: a month may be copied once each is final by its last run.
-- A month that is billed in another time zone ends in the UTC day after it, and has late rows of days before it: so the
-- first day after it must not be open, and a change of the month before counts too.
CREATE OR REPLACE VIEW org_dataset.closable_months
OPTIONS(description = 'Which months may be closed, by their days: see docs/focus.md')
AS
SELECT
  org_slug,
  provider,
  FORMAT_DATE('%Y%m', first_day) AS invoice_month,
  first_day,
  EXTRACT(DAY FROM LAST_DAY(first_day)) - days AS days_missing,
  days - days_final AS days_not_final,
  days_final = EXTRACT(DAY FROM LAST_DAY(first_day)) AND days_after_not_final = 0 AS is_final,
  changed_at
FROM (
  SELECT
    org_slug,
    provider,
    DATE_ADD(DATE_TRUNC(usage_date, MONTH), INTERVAL months_on MONTH) AS first_day,
    COUNTIF(months_on = 0) AS days,
    COUNTIF(months_on = 0 AND is_final) AS days_final,
    COUNTIF(months_on = -1 AND NOT is_final) AS days_after_not_final,
    MAX(changed_at) AS changed_at
  FROM (
    SELECT
      usage_date,
      org_slug,
      provider,
      LOGICAL_AND(completeness IN ('final', 'frozen')) AS is_final,
      MAX(changed_at) AS changed_at
    FROM (
      SELECT
        usage_date,
        org_slug,
        provider,
        pipeline,
        ARRAY_AGG(completeness ORDER BY generation DESC LIMIT 1)[OFFSET(0)] AS completeness,
        MAX(IF(is_changed, recorded_at, NULL)) AS changed_at
      FROM org_dataset.day_history
      GROUP BY usage_date, org_slug, provider, pipeline
    )
    GROUP BY usage_date, org_slug, provider
  )
  CROSS JOIN UNNEST([-1, 0, 1]) AS months_on
  WHERE months_on >= 0 OR EXTRACT(DAY FROM usage_date) = 1
  GROUP BY org_slug, provider, 3
)
WHERE days > 0;
