-- Months of each provider and currency: what our rows cost, the provider's own total, the invoice, and what is left.
-- docs/focus.md tells how a month closes. Copied months are read from their copies; the others are summed from the rows of
-- the last 13 months, so reading this view reads those. sql/queries/invoice_months.sql is the same for some months alone.
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
)
SELECT
  invoice_month,
  org_slug,
  provider,
  currency,
  IFNULL(told.status, 'open') AS status,
  told.made_at AS copied_at,
  told.run_id AS run_id,
  IF(told.status IS NULL, live.cost, told.cost) AS cost,
  IF(told.status IS NULL, live.usage_cost, told.usage_cost) AS usage_cost,
  IF(told.status IS NULL, live.purchase_cost, told.purchase_cost) AS purchase_cost,
  IF(told.status IS NULL, live.tax_cost, told.tax_cost) AS tax_cost,
  IF(told.status IS NULL, live.credit_cost, told.credit_cost) AS credit_cost,
  IF(told.status IS NULL, live.adjustment_cost, told.adjustment_cost) AS adjustment_cost,
  IF(told.status IS NULL, live.row_count, told.row_count) AS row_count,
  IF(days.days_missing = 0, total.provider_total, NULL) AS provider_total,
  told.invoices AS invoices,
  told.invoice_total AS invoice_total,
  told.invoice_tax AS invoice_tax,
  told.residual AS residual,
  -- Without a copy the residual is not known, and its part says why.
  IF(
    told.status IS NOT NULL,
    told.parts,
    [STRUCT(IFNULL(days.open_because, 'days_missing') AS name, CAST(NULL AS NUMERIC) AS amount)]
  ) AS parts,
  told.unexplained AS unexplained,
  told.unexplained_reason AS unexplained_reason,
  told.later_change AS later_change,
  told.invoice_total_now AS invoice_total_now,
  days.days_missing AS days_missing,
  days.days_not_final AS days_not_final,
  told.checksum AS checksum
FROM org_dataset.documented_months AS told
FULL JOIN live USING (org_slug, provider, invoice_month, currency)
LEFT JOIN org_dataset.closable_months AS days USING (org_slug, provider, invoice_month)
LEFT JOIN org_dataset.documented_totals AS total USING (org_slug, provider, invoice_month, currency);
