-- Costs of each day by the month that they are billed in and by charge category: what a copy of a month is made of.
-- The month is the provider's own where it tells one, else that of the day. A bound on usage_date prunes the partitions.
CREATE OR REPLACE VIEW org_dataset.billed_days
OPTIONS(description = 'Costs by day, invoice month and charge category: see docs/focus.md')
AS
SELECT
  usage_date,
  org_slug,
  provider,
  invoice_month,
  currency,
  charge_category,
  SUM(cost) AS cost,
  SUM(row_count) AS row_count,
  COUNT(DISTINCT IF(is_unrounded, sku_id, NULL)) AS line_count,
  SUM(credits) AS credits,
  LOGICAL_OR(tells_invoice_month) AS tells_invoice_month,
  TO_HEX(SHA256(STRING_AGG(line, '\n' ORDER BY line))) AS checksum
FROM (
  SELECT
    usage_date,
    org_slug,
    provider,
    invoice_month,
    currency,
    charge_category,
    sku_id,
    cost,
    row_count,
    credits,
    tells_invoice_month,
    -- Only a line with a part of a unit can have been rounded.
    MOD(cost, IFNULL(smallest_unit, NUMERIC '0.01')) != 0 AS is_unrounded,
    CONCAT(
      TO_JSON_STRING(sub_account_id), ' ', TO_JSON_STRING(sku_id), ' ', CAST(cost AS STRING), ' ', CAST(row_count AS STRING)
    ) AS line
  FROM (
    SELECT
      usage_date,
      org_slug,
      provider,
      IFNULL(NULLIF(invoice_month, ''), FORMAT_DATE('%Y%m', usage_date)) AS invoice_month,
      IFNULL(UPPER(NULLIF(currency, '')), 'XXX') AS currency,
      charge_category,
      sub_account_id,
      sku_id,
      SUM(billed_cost) AS cost,
      COUNT(*) AS row_count,
      SUM(credits) AS credits,
      LOGICAL_OR(NULLIF(invoice_month, '') IS NOT NULL) AS tells_invoice_month
    FROM org_dataset.charges
    GROUP BY usage_date, org_slug, provider, 4, 5, charge_category, sub_account_id, sku_id
  )
  LEFT JOIN org_dataset.billed_currencies USING (currency)
)
GROUP BY usage_date, org_slug, provider, invoice_month, currency, charge_category;
