-- Months of an org with their invoices and residuals, the newest first: docs/focus.md tells how a month closes.
-- Runs with the org's dataset as default dataset. Months without a copy are summed from the rows of the last 13 months.
-- @org_slug STRING: the org
-- @first_month STRING: first month, YYYYMM
-- @last_month STRING: last one
SELECT
  invoice_month,
  provider,
  currency,
  status,
  copied_at,
  cost,
  usage_cost,
  purchase_cost,
  tax_cost,
  credit_cost,
  adjustment_cost,
  provider_total,
  invoices,
  invoice_total,
  invoice_tax,
  residual,
  parts,
  unexplained,
  unexplained_reason,
  later_change,
  invoice_total_now,
  days_missing,
  days_not_final,
  checksum
FROM invoice_months
WHERE org_slug = @org_slug AND invoice_month BETWEEN @first_month AND @last_month
ORDER BY invoice_month DESC, provider, currency
