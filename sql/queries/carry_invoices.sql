-- Carries what was told of invoices into the org's own table. Runs with the org's dataset as default dataset.
-- Two runs at once may carry the same row: the newest of a number counts, and both are the same.
-- @org_slug STRING: the org
INSERT INTO invoices (
  org_slug, issuer, number, invoice_month, currency, total, tax, credits, priority_tier, issued_on, is_void,
  recorded_at, recorded_by, entry_id
)
SELECT
  told.org_slug,
  told.issuer,
  told.number,
  told.invoice_month,
  told.currency,
  told.total,
  told.tax,
  told.credits,
  told.priority_tier,
  told.issued_on,
  told.is_void,
  told.recorded_at,
  told.recorded_by,
  told.entry_id
FROM organizations.org_invoices AS told
LEFT JOIN invoices AS carried ON carried.entry_id = told.entry_id
WHERE told.org_slug = @org_slug AND carried.entry_id IS NULL
