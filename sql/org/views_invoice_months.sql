-- Months of each provider and currency: what our rows cost, the provider's own total, the invoice, and what is left.
-- docs/focus.md tells how a month closes. Copied months are read from their copies; the others are summed from the rows of
-- the last 13 months, so reading this view reads those.
CREATE OR REPLACE VIEW org_dataset.invoice_months
OPTIONS(description = 'Months with their invoices and residuals: see docs/focus.md')
AS
WITH
live AS (
  SELECT
    invoice_month,
    org_slug,
    provider,
    currency,
    SUM(cost) AS cost,
    SUM(IF(charge_category = 'Usage', cost, NULL)) AS usage_cost,
    SUM(IF(charge_category = 'Purchase', cost, NULL)) AS purchase_cost,
    SUM(IF(charge_category = 'Tax', cost, NULL)) AS tax_cost,
    SUM(IF(charge_category = 'Credit', cost, NULL)) AS credit_cost,
    SUM(IF(charge_category = 'Adjustment', cost, NULL)) AS adjustment_cost,
    SUM(row_count) AS row_count
  FROM org_dataset.billed_days
  WHERE usage_date >= DATE_SUB(DATE_TRUNC(CURRENT_DATE('UTC'), MONTH), INTERVAL 13 MONTH)
  GROUP BY invoice_month, org_slug, provider, currency
),
total AS (
  -- The newest run of each day counts, if the provider has told it a total; a month needs all of its days.
  SELECT
    days.org_slug AS org_slug,
    days.provider AS provider,
    days.invoice_month AS invoice_month,
    each.currency AS currency,
    SUM(each.total) AS provider_total
  FROM (
    SELECT
      org_slug,
      provider,
      FORMAT_DATE('%Y%m', usage_date) AS invoice_month,
      ARRAY_AGG(STRUCT(is_total_known AS is_known, totals AS totals) ORDER BY generation DESC LIMIT 1)[OFFSET(0)] AS newest
    FROM org_dataset.day_history
    GROUP BY org_slug, provider, pipeline, usage_date
  ) AS days
  INNER JOIN UNNEST(days.newest.totals) AS each
  GROUP BY days.org_slug, days.provider, days.invoice_month, each.currency
),
untold AS (
  SELECT org_slug, provider, FORMAT_DATE('%Y%m', usage_date) AS invoice_month
  FROM (
    SELECT
      org_slug,
      provider,
      usage_date,
      ARRAY_AGG(IFNULL(is_total_known, FALSE) ORDER BY generation DESC LIMIT 1)[OFFSET(0)] AS is_known
    FROM org_dataset.day_history
    GROUP BY org_slug, provider, pipeline, usage_date
  )
  WHERE NOT is_known
  GROUP BY 1, 2, 3
),
every AS (
  SELECT
    invoice_month,
    org_slug,
    provider,
    currency,
    status,
    made_at,
    run_id,
    cost,
    usage_cost,
    purchase_cost,
    tax_cost,
    credit_cost,
    adjustment_cost,
    row_count,
    checksum,
    invoices,
    invoice_total,
    invoice_tax,
    invoice_total_now,
    residual,
    parts,
    unexplained,
    unexplained_reason,
    later_change
  FROM org_dataset.copied_months
  UNION ALL
  SELECT
    known.invoice_month,
    known.org_slug,
    known.provider,
    known.currency,
    CAST(NULL AS STRING),
    CAST(NULL AS TIMESTAMP),
    CAST(NULL AS STRING),
    live.cost,
    live.usage_cost,
    live.purchase_cost,
    live.tax_cost,
    live.credit_cost,
    live.adjustment_cost,
    live.row_count,
    CAST(NULL AS STRING),
    invoice.invoices,
    invoice.invoice_total,
    invoice.invoice_tax,
    invoice.invoice_total,
    CAST(NULL AS NUMERIC),
    CAST(NULL AS ARRAY<STRUCT<name STRING, amount NUMERIC>>),
    CAST(NULL AS NUMERIC),
    CAST(NULL AS STRING),
    CAST(NULL AS NUMERIC)
  FROM (
    SELECT invoice_month, org_slug, provider, currency FROM live
    UNION DISTINCT
    SELECT invoice_month, org_slug, provider, currency FROM org_dataset.billed_by_invoices
  ) AS known
  LEFT JOIN live
    ON live.org_slug = known.org_slug
    AND live.provider = known.provider
    AND live.invoice_month = known.invoice_month
    AND live.currency = known.currency
  LEFT JOIN org_dataset.billed_by_invoices AS invoice
    ON invoice.org_slug = known.org_slug
    AND invoice.provider = known.provider
    AND invoice.invoice_month = known.invoice_month
    AND invoice.currency = known.currency
  LEFT JOIN org_dataset.copied_months AS copy
    ON copy.org_slug = known.org_slug
    AND copy.provider = known.provider
    AND copy.invoice_month = known.invoice_month
    AND copy.currency = known.currency
  WHERE copy.status IS NULL
)
SELECT
  every.invoice_month AS invoice_month,
  every.org_slug AS org_slug,
  every.provider AS provider,
  every.currency AS currency,
  IFNULL(every.status, 'open') AS status,
  every.made_at AS copied_at,
  every.run_id AS run_id,
  every.cost AS cost,
  every.usage_cost AS usage_cost,
  every.purchase_cost AS purchase_cost,
  every.tax_cost AS tax_cost,
  every.credit_cost AS credit_cost,
  every.adjustment_cost AS adjustment_cost,
  every.row_count AS row_count,
  IF(untold.invoice_month IS NULL AND days.days_missing = 0, total.provider_total, NULL) AS provider_total,
  every.invoices AS invoices,
  every.invoice_total AS invoice_total,
  every.invoice_tax AS invoice_tax,
  every.residual AS residual,
  -- Without a copy the residual is not known, and its part says why.
  IF(
    every.status IS NOT NULL,
    every.parts,
    [
      STRUCT(
        CASE
          WHEN IFNULL(days.days_missing, 1) > 0 THEN 'days_missing'
          WHEN days.days_not_final > 0 THEN 'days_not_final'
          WHEN NOT days.is_final THEN 'next_day_not_final'
          ELSE 'not_copied'
        END AS name,
        CAST(NULL AS NUMERIC) AS amount
      )
    ]
  ) AS parts,
  every.unexplained AS unexplained,
  every.unexplained_reason AS unexplained_reason,
  every.later_change AS later_change,
  every.invoice_total_now AS invoice_total_now,
  days.days_missing AS days_missing,
  days.days_not_final AS days_not_final,
  every.checksum AS checksum
FROM every
LEFT JOIN org_dataset.closable_months AS days
  ON days.org_slug = every.org_slug
  AND days.provider = every.provider
  AND days.invoice_month = every.invoice_month
LEFT JOIN total
  ON total.org_slug = every.org_slug
  AND total.provider = every.provider
  AND total.invoice_month = every.invoice_month
  AND total.currency = every.currency
LEFT JOIN untold
  ON untold.org_slug = every.org_slug
  AND untold.provider = every.provider
  AND untold.invoice_month = every.invoice_month;
