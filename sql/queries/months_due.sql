-- Months of a provider that are to be copied: all days final, and not copied since a day has changed or an invoice of another
-- currency came. Those that were never copied come first, then those whose copy is oldest: so none waits for ever. Runs with
-- the org's dataset as default dataset; reads the history of days, copies and invoices alone.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
SELECT months.invoice_month AS invoice_month, months.first_day AS first_day
FROM closable_months AS months
LEFT JOIN (
  SELECT provider, invoice_month, MAX(made_at) AS made_at
  FROM month_closes
  WHERE org_slug = @org_slug AND status != 'closed'
  GROUP BY provider, invoice_month
) AS copies
  ON copies.provider = months.provider AND copies.invoice_month = months.invoice_month
LEFT JOIN (
  SELECT invoice.provider AS provider, invoice.invoice_month AS invoice_month, COUNT(*) AS currencies
  FROM billed_by_invoices AS invoice
  LEFT JOIN (
    SELECT DISTINCT provider, invoice_month, currency
    FROM month_closes
    WHERE org_slug = @org_slug AND status != 'empty'
  ) AS copy
    ON copy.provider = invoice.provider AND copy.invoice_month = invoice.invoice_month AND copy.currency = invoice.currency
  WHERE invoice.org_slug = @org_slug AND copy.currency IS NULL
  GROUP BY 1, 2
) AS uncopied
  ON uncopied.provider = months.provider AND uncopied.invoice_month = months.invoice_month
WHERE months.org_slug = @org_slug
  AND months.provider = @provider
  AND months.is_final
  AND (copies.made_at IS NULL OR months.changed_at > copies.made_at OR uncopied.currencies > 0)
ORDER BY copies.made_at IS NOT NULL, IFNULL(uncopied.currencies, 0) DESC, copies.made_at, invoice_month DESC
LIMIT 3
