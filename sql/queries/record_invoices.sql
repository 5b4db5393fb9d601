-- Records invoices of an org, all or none. An INSERT and no stream: it can be read at once, and the table may be minutes old.
-- @org_slug STRING: the org
-- @recorded_at TIMESTAMP: later than every row that they replace
-- @recorded_by STRING: a key's name or a person's id
-- @invoices ARRAY<STRING>: JSON objects of the other columns, amounts and dates as texts
INSERT INTO organizations.org_invoices (
  org_slug, issuer, number, invoice_month, currency, total, tax, credits, priority_tier, issued_on, is_void,
  recorded_at, recorded_by, entry_id
)
SELECT
  @org_slug,
  JSON_VALUE(invoice, '$.issuer'),
  JSON_VALUE(invoice, '$.number'),
  JSON_VALUE(invoice, '$.invoice_month'),
  JSON_VALUE(invoice, '$.currency'),
  CAST(JSON_VALUE(invoice, '$.total') AS NUMERIC),
  CAST(JSON_VALUE(invoice, '$.tax') AS NUMERIC),
  CAST(JSON_VALUE(invoice, '$.credits') AS NUMERIC),
  CAST(JSON_VALUE(invoice, '$.priority_tier') AS NUMERIC),
  CAST(JSON_VALUE(invoice, '$.issued_on') AS DATE),
  CAST(JSON_VALUE(invoice, '$.is_void') AS BOOL),
  @recorded_at,
  @recorded_by,
  JSON_VALUE(invoice, '$.entry_id')
FROM UNNEST(@invoices) AS invoice
