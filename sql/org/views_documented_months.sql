-- Months of which there is a copy or an invoice, by provider and currency: a month that is not copied has no costs here.
CREATE OR REPLACE VIEW org_dataset.documented_months
OPTIONS(description = 'Months with a copy or an invoice, a part of invoice_months: see docs/focus.md')
AS
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
  invoice.invoice_month,
  invoice.org_slug,
  invoice.provider,
  invoice.currency,
  CAST(NULL AS STRING),
  CAST(NULL AS TIMESTAMP),
  CAST(NULL AS STRING),
  CAST(NULL AS NUMERIC),
  CAST(NULL AS NUMERIC),
  CAST(NULL AS NUMERIC),
  CAST(NULL AS NUMERIC),
  CAST(NULL AS NUMERIC),
  CAST(NULL AS NUMERIC),
  CAST(NULL AS INT64),
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
FROM org_dataset.billed_by_invoices AS invoice
LEFT JOIN org_dataset.copied_months AS copy
  ON copy.org_slug = invoice.org_slug
  AND copy.provider = invoice.provider
  AND copy.invoice_month = invoice.invoice_month
  AND copy.currency = invoice.currency
WHERE copy.status IS NULL;
