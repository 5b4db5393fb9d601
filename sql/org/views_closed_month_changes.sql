-- Days of closed months that are others today than when the month was closed, by charge category: listed beside the closed
-- month, which never changes. A bound on usage_date prunes the partitions of the raw tables.
CREATE OR REPLACE VIEW org_dataset.closed_month_changes
OPTIONS(description = 'What has changed in closed months since: see docs/focus.md')
AS
WITH
closed AS (
  SELECT
    org_slug,
    provider,
    invoice_month,
    currency,
    ARRAY_AGG(
      STRUCT(made_at AS made_at, run_id AS run_id, IFNULL(closed_at, made_at) AS closed_at)
      ORDER BY made_at, run_id LIMIT 1
    )[OFFSET(0)] AS first_copy
  FROM org_dataset.month_closes
  WHERE status = 'closed'
  GROUP BY org_slug, provider, invoice_month, currency
),
sides AS (
  SELECT
    copy.usage_date AS usage_date,
    copy.org_slug AS org_slug,
    copy.provider AS provider,
    copy.invoice_month AS invoice_month,
    copy.currency AS currency,
    copy.charge_category AS charge_category,
    closed.first_copy.closed_at AS closed_at,
    copy.cost AS closed_cost,
    copy.row_count AS closed_rows,
    copy.checksum AS closed_checksum,
    NUMERIC '0' AS cost,
    0 AS row_count,
    CAST(NULL AS STRING) AS checksum
  FROM org_dataset.month_closes AS copy
  INNER JOIN closed
    ON copy.org_slug = closed.org_slug
    AND copy.provider = closed.provider
    AND copy.invoice_month = closed.invoice_month
    AND copy.currency = closed.currency
    AND copy.made_at = closed.first_copy.made_at
    AND copy.run_id = closed.first_copy.run_id
  WHERE copy.status = 'closed'
  UNION ALL
  SELECT
    today.usage_date,
    today.org_slug,
    today.provider,
    today.invoice_month,
    today.currency,
    today.charge_category,
    closed.first_copy.closed_at,
    NUMERIC '0',
    0,
    CAST(NULL AS STRING),
    today.cost,
    today.row_count,
    today.checksum
  FROM org_dataset.billed_days AS today
  INNER JOIN closed
    ON today.org_slug = closed.org_slug
    AND today.provider = closed.provider
    AND today.invoice_month = closed.invoice_month
    AND today.currency = closed.currency
)
SELECT
  usage_date,
  org_slug,
  provider,
  invoice_month,
  currency,
  charge_category,
  MAX(closed_at) AS closed_at,
  SUM(closed_cost) AS closed_cost,
  SUM(cost) AS cost,
  SUM(cost) - SUM(closed_cost) AS cost_change,
  SUM(closed_rows) AS closed_rows,
  SUM(row_count) AS row_count
FROM sides
GROUP BY usage_date, org_slug, provider, invoice_month, currency, charge_category
HAVING IFNULL(MAX(checksum), '') != IFNULL(MAX(closed_checksum), '');
