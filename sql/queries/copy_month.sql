-- Copies a month of a provider as it is now: the provisional close. A currency that has an invoice or an older copy, and no
-- rows, is copied as a row of zero; an `empty` row marks the copy of a month that has nothing at all. Runs with the org's
-- dataset as default dataset.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
-- @invoice_month STRING: YYYYMM
-- @first_day DATE: the first day with rows that are billed in it
-- @last_day DATE: the last
-- @made_at TIMESTAMP: of the copy; a later change makes another
-- @run_id STRING: the run
INSERT INTO month_closes (
  org_slug, provider, invoice_month, currency, status, made_at, run_id, usage_date, charge_category, cost, row_count,
  line_count, credits, tells_invoice_month, checksum
)
SELECT
  @org_slug,
  @provider,
  @invoice_month,
  COALESCE(billed.currency, known.currency),
  IF(billed.currency IS NULL AND known.currency = 'XXX', 'empty', 'provisional'),
  @made_at,
  @run_id,
  IFNULL(billed.usage_date, PARSE_DATE('%Y%m%d', CONCAT(@invoice_month, '01'))),
  IFNULL(billed.charge_category, 'Usage'),
  IFNULL(billed.cost, 0),
  IFNULL(billed.row_count, 0),
  IFNULL(billed.line_count, 0),
  billed.credits,
  IFNULL(billed.tells_invoice_month, FALSE),
  IFNULL(billed.checksum, '')
FROM (
  SELECT usage_date, currency, charge_category, cost, row_count, line_count, credits, tells_invoice_month, checksum
  FROM billed_days
  WHERE usage_date BETWEEN @first_day AND @last_day
    AND org_slug = @org_slug
    AND provider = @provider
    AND invoice_month = @invoice_month
) AS billed
FULL JOIN (
  SELECT currency
  FROM billed_by_invoices
  WHERE org_slug = @org_slug AND provider = @provider AND invoice_month = @invoice_month
  UNION DISTINCT
  SELECT currency
  FROM month_closes
  WHERE org_slug = @org_slug AND provider = @provider AND invoice_month = @invoice_month
  UNION DISTINCT
  SELECT 'XXX'
) AS known
  ON known.currency = billed.currency
