-- Copies a month of a provider as it is now: the provisional close. Runs with the org's dataset as default dataset.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
-- @invoice_month STRING: YYYYMM
-- @first_day DATE: the earliest day that may be billed in it
-- @last_day DATE: the last
-- @made_at TIMESTAMP: of the copy; a later change makes another
-- @run_id STRING: the run
INSERT INTO month_closes (
  org_slug, provider, invoice_month, currency, status, made_at, run_id, usage_date, charge_category, cost, row_count,
  line_count, credits, tells_invoice_month, checksum
)
SELECT
  org_slug,
  provider,
  invoice_month,
  currency,
  'provisional',
  @made_at,
  @run_id,
  usage_date,
  charge_category,
  cost,
  row_count,
  line_count,
  credits,
  tells_invoice_month,
  checksum
FROM billed_days
WHERE usage_date BETWEEN @first_day AND @last_day
  AND org_slug = @org_slug
  AND provider = @provider
  AND invoice_month = @invoice_month
