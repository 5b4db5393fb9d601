-- Months of an org with their invoices and residuals, the newest first, as the view invoice_months has them; but of rows, from
-- which months without a copy are summed, it reads these days alone. docs/focus.md tells how a month closes.
-- Runs with the org's dataset as default dataset.
-- @org_slug STRING: the org
-- @first_month STRING: first month, YYYYMM
-- @last_month STRING: last one
-- @first_day DATE: first day whose charges may be billed in these months
-- @last_day DATE: the last
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
    SUM(IF(charge_category = 'Adjustment', cost, NULL)) AS adjustment_cost
  FROM billed_days
  WHERE usage_date BETWEEN @first_day AND @last_day AND org_slug = @org_slug
  GROUP BY invoice_month, org_slug, provider, currency
)
SELECT
  invoice_month,
  provider,
  currency,
  IFNULL(told.status, 'open') AS status,
  told.made_at AS copied_at,
  IF(told.status IS NULL, live.cost, told.cost) AS cost,
  IF(told.status IS NULL, live.usage_cost, told.usage_cost) AS usage_cost,
  IF(told.status IS NULL, live.purchase_cost, told.purchase_cost) AS purchase_cost,
  IF(told.status IS NULL, live.tax_cost, told.tax_cost) AS tax_cost,
  IF(told.status IS NULL, live.credit_cost, told.credit_cost) AS credit_cost,
  IF(told.status IS NULL, live.adjustment_cost, told.adjustment_cost) AS adjustment_cost,
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
FROM documented_months AS told
FULL JOIN live USING (org_slug, provider, invoice_month, currency)
LEFT JOIN closable_months AS days USING (org_slug, provider, invoice_month)
LEFT JOIN documented_totals AS total USING (org_slug, provider, invoice_month, currency)
WHERE org_slug = @org_slug AND invoice_month BETWEEN @first_month AND @last_month
ORDER BY invoice_month DESC, provider, currency
