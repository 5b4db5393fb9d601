-- Closes each month of a provider whose copy is of today's days and whose residual the rules explain: inserts the copy again,
-- as closed. Runs with the org's dataset as default dataset.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
-- @made_at TIMESTAMP: when the months close
-- @run_id STRING: the run
INSERT INTO month_closes (
  org_slug, provider, invoice_month, currency, status, made_at, run_id, usage_date, charge_category, cost, row_count,
  line_count, credits, tells_invoice_month, checksum, invoices, invoice_total, invoice_tax, residual, parts
)
SELECT
  copy.org_slug,
  copy.provider,
  copy.invoice_month,
  copy.currency,
  'closed',
  @made_at,
  @run_id,
  copy.usage_date,
  copy.charge_category,
  copy.cost,
  copy.row_count,
  copy.line_count,
  copy.credits,
  copy.tells_invoice_month,
  copy.checksum,
  month.invoices,
  month.invoice_total,
  month.invoice_tax,
  month.residual,
  month.parts
FROM month_closes AS copy
INNER JOIN copied_months AS month
  ON month.org_slug = copy.org_slug
  AND month.provider = copy.provider
  AND month.invoice_month = copy.invoice_month
  AND month.currency = copy.currency
  AND month.made_at = copy.made_at
  AND month.run_id = copy.run_id
INNER JOIN closable_months AS days
  ON days.org_slug = copy.org_slug AND days.provider = copy.provider AND days.invoice_month = copy.invoice_month
WHERE copy.org_slug = @org_slug
  AND copy.provider = @provider
  AND copy.status = 'provisional'
  AND month.status = 'provisional'
  AND month.unexplained = 0
  AND days.is_final
  AND days.changed_at <= copy.made_at
