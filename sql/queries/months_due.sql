-- Months of a provider that are to be copied: all days final, and not copied since a day has changed, nor closed in every
-- currency. Runs with the org's dataset as default dataset; reads the history of days and copies alone.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
SELECT months.invoice_month AS invoice_month, months.first_day AS first_day
FROM closable_months AS months
LEFT JOIN (
  SELECT provider, invoice_month, MAX(made_at) AS made_at, LOGICAL_OR(status = 'provisional') AS is_open
  FROM copied_months WHERE org_slug = @org_slug
  GROUP BY provider, invoice_month
) AS copies
  ON copies.provider = months.provider AND copies.invoice_month = months.invoice_month
WHERE months.org_slug = @org_slug
  AND months.provider = @provider
  AND months.is_final
  AND (copies.made_at IS NULL OR (copies.is_open AND months.changed_at > copies.made_at))
ORDER BY invoice_month DESC
LIMIT 3
