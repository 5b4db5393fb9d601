-- Months of a provider whose copy is of today's days, by the history, and whose residual the rules explain. Runs with the
-- org's dataset as default dataset; reads the history of days, copies and invoices alone.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
SELECT
  month.invoice_month AS invoice_month,
  month.currency AS currency,
  days.first_day AS first_day,
  month.made_at AS made_at,
  month.run_id AS run_id
FROM copied_months AS month
INNER JOIN closable_months AS days
  ON days.org_slug = month.org_slug AND days.provider = month.provider AND days.invoice_month = month.invoice_month
WHERE month.org_slug = @org_slug
  AND month.provider = @provider
  AND month.status = 'provisional'
  AND month.unexplained = 0
  AND days.is_final
  -- NULL: none of these days has changed since there is a history.
  AND (days.changed_at IS NULL OR days.changed_at <= month.made_at)
ORDER BY invoice_month, currency
