-- Invoices of an org: the newest row of each issuer and number, void ones too. `entries` counts the rows of each.
-- @org_slug STRING: the org
SELECT
  issuer,
  number,
  invoice_month,
  currency,
  total,
  tax,
  credits,
  priority_tier,
  issued_on,
  is_void,
  recorded_at,
  recorded_by,
  COUNT(*) OVER (PARTITION BY issuer, number) AS entries
FROM organizations.org_invoices
WHERE org_slug = @org_slug
QUALIFY ROW_NUMBER() OVER (PARTITION BY issuer, number ORDER BY recorded_at DESC, entry_id DESC) = 1
ORDER BY invoice_month DESC, issuer, number
