-- Invoices of an org: the newest row of each issuer and number, void ones too. Numbers that differ in capitals or in spaces
-- around them are one. `entries` counts the rows of each that are not void.
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
  COUNT(IF(is_void, NULL, 1)) OVER (PARTITION BY issuer, LOWER(TRIM(number))) AS entries
FROM organizations.org_invoices
WHERE org_slug = @org_slug
QUALIFY ROW_NUMBER() OVER (PARTITION BY issuer, LOWER(TRIM(number)) ORDER BY recorded_at DESC, entry_id DESC) = 1
ORDER BY invoice_month DESC, issuer, number
