-- Closes a month of a provider in one currency: inserts its copy again as closed, if the rows are still those of the copy, the
-- rules explain the residual, and nobody has closed it. Runs with the org's dataset as default dataset.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
-- @invoice_month STRING: YYYYMM
-- @currency STRING: ISO 4217
-- @copied_at TIMESTAMP: when the copy was made
-- @copied_by STRING: the run that made it
-- @first_day DATE: the first day with rows that are billed in the month
-- @last_day DATE: the last
-- @closed_at TIMESTAMP: when the month closes
-- @run_id STRING: the run
INSERT INTO month_closes (
  org_slug, provider, invoice_month, currency, status, made_at, closed_at, run_id, usage_date, charge_category, cost,
  row_count, line_count, credits, tells_invoice_month, checksum, invoices, invoice_total, invoice_tax, residual, parts,
  billed_later_credits
)
SELECT
  copy.org_slug,
  copy.provider,
  copy.invoice_month,
  copy.currency,
  'closed',
  copy.made_at,
  @closed_at,
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
  month.parts,
  month.late_after_credits
FROM month_closes AS copy
INNER JOIN copied_months AS month
  ON month.org_slug = copy.org_slug
  AND month.provider = copy.provider
  AND month.invoice_month = copy.invoice_month
  AND month.currency = copy.currency
  AND month.made_at = copy.made_at
  AND month.run_id = copy.run_id
CROSS JOIN (
  SELECT COUNT(*) AS days
  FROM (
    SELECT usage_date, charge_category, checksum
    FROM month_closes
    WHERE org_slug = @org_slug
      AND provider = @provider
      AND invoice_month = @invoice_month
      AND currency = @currency
      AND status = 'provisional'
      AND made_at = @copied_at
      AND run_id = @copied_by
      AND row_count > 0
  ) AS copied
  FULL JOIN (
    SELECT usage_date, charge_category, checksum
    FROM billed_days
    WHERE usage_date BETWEEN @first_day AND @last_day
      AND org_slug = @org_slug
      AND provider = @provider
      AND invoice_month = @invoice_month
      AND currency = @currency
  ) AS today
    ON today.usage_date = copied.usage_date AND today.charge_category = copied.charge_category
  WHERE IFNULL(today.checksum, '') != IFNULL(copied.checksum, '')
) AS others
WHERE copy.org_slug = @org_slug
  AND copy.provider = @provider
  AND copy.invoice_month = @invoice_month
  AND copy.currency = @currency
  AND copy.status = 'provisional'
  AND copy.made_at = @copied_at
  AND copy.run_id = @copied_by
  AND month.status = 'provisional'
  AND month.unexplained = 0
  AND others.days = 0
