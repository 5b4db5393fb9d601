-- The provider's own total of each month, in each currency, where it has told one for every day of it that a run has read.
CREATE OR REPLACE VIEW org_dataset.documented_totals
OPTIONS(description = 'What providers told as the sums of their days, a part of invoice_months: see docs/focus.md')
AS
WITH
days AS (
  -- The newest run of each day counts.
  SELECT
    org_slug,
    provider,
    FORMAT_DATE('%Y%m', usage_date) AS invoice_month,
    ARRAY_AGG(STRUCT(is_total_known AS is_known, totals AS totals) ORDER BY generation DESC LIMIT 1)[OFFSET(0)] AS newest
  FROM org_dataset.day_history
  GROUP BY org_slug, provider, pipeline, usage_date
),
untold AS (
  SELECT DISTINCT org_slug, provider, invoice_month
  FROM days
  WHERE NOT IFNULL(newest.is_known, FALSE)
)
SELECT
  days.org_slug AS org_slug,
  days.provider AS provider,
  days.invoice_month AS invoice_month,
  each.currency AS currency,
  SUM(each.total) AS provider_total
FROM days
INNER JOIN UNNEST(days.newest.totals) AS each
LEFT JOIN untold
  ON untold.org_slug = days.org_slug
  AND untold.provider = days.provider
  AND untold.invoice_month = days.invoice_month
WHERE untold.invoice_month IS NULL
GROUP BY days.org_slug, days.provider, days.invoice_month, each.currency;
