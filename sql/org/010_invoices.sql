-- Invoices, closed months, and the provider's own total of each day (docs/adr/0036). Written only by jobs, by INSERTs under
-- job ids of their runs, so once. Append-only: what counts is in the views billed_by_invoices, copied_months and
-- invoice_months (docs/focus.md).
CREATE TABLE IF NOT EXISTS org_dataset.invoices (
  org_slug STRING NOT NULL,
  issuer STRING NOT NULL OPTIONS(description = 'Id of the provider whose costs the invoice bills'),
  number STRING NOT NULL,
  invoice_month STRING NOT NULL OPTIONS(description = 'YYYYMM that is billed'),
  currency STRING NOT NULL OPTIONS(description = 'ISO 4217'),
  total NUMERIC NOT NULL OPTIONS(description = 'What is to be paid, tax included'),
  tax NUMERIC OPTIONS(description = 'The tax in total; NULL where nobody has told it'),
  credits NUMERIC OPTIONS(description = 'Credits and prepaid grants that it takes off, zero or below; NULL where nobody has told them'),
  priority_tier NUMERIC OPTIONS(description = 'What it bills for the priority tier; NULL where nobody has told it'),
  issued_on DATE OPTIONS(description = 'Date of the invoice; NULL where nobody has told it'),
  is_void BOOL NOT NULL OPTIONS(description = 'TRUE: the invoice does not count any more'),
  recorded_at TIMESTAMP NOT NULL OPTIONS(description = 'When it was told; the newest row of an issuer and number counts'),
  recorded_by STRING NOT NULL OPTIONS(description = 'Name of a key or id of a person'),
  entry_id STRING NOT NULL
)
CLUSTER BY issuer, invoice_month
OPTIONS(description = 'Invoices of providers, every row that was ever told: see docs/focus.md');

CREATE TABLE IF NOT EXISTS org_dataset.month_closes (
  org_slug STRING NOT NULL,
  provider STRING NOT NULL,
  invoice_month STRING NOT NULL OPTIONS(description = 'YYYYMM'),
  currency STRING NOT NULL OPTIONS(description = 'ISO 4217'),
  status STRING NOT NULL OPTIONS(description = 'provisional, closed: never changed again, or empty: a mark without costs that the month was copied'),
  made_at TIMESTAMP NOT NULL OPTIONS(description = 'When the copy was made; the same in all of its rows, and in those that close it'),
  closed_at TIMESTAMP OPTIONS(description = 'When the month was closed; NULL where it is not'),
  run_id STRING NOT NULL OPTIONS(description = 'Run that made the copy, or closed the month'),
  usage_date DATE NOT NULL,
  charge_category STRING NOT NULL OPTIONS(description = 'As in focus_costs'),
  cost NUMERIC NOT NULL OPTIONS(description = 'Sum of BilledCost of the day and category'),
  row_count INT64 NOT NULL,
  line_count INT64 NOT NULL OPTIONS(description = 'Different SKUs among the rows'),
  credits NUMERIC OPTIONS(description = 'Credits within the cost; NULL where the provider does not tell them'),
  tells_invoice_month BOOL NOT NULL OPTIONS(description = 'Whether the provider says which month a charge is billed in; else it is that of the day'),
  checksum STRING NOT NULL OPTIONS(description = 'SHA-256 of the sums by account and SKU, in hex; empty for a currency without rows'),
  invoices STRING OPTIONS(description = 'Numbers of the invoices that closed the month'),
  invoice_total NUMERIC OPTIONS(description = 'Their total, tax included'),
  invoice_tax NUMERIC,
  residual NUMERIC OPTIONS(description = 'invoice_total less the cost of the month'),
  parts ARRAY<STRUCT<
    name STRING OPTIONS(description = 'tax_not_told, credits, priority_tier, late_usage_of_month_before, billed_later or rounding'),
    amount NUMERIC
  >> OPTIONS(description = 'What the residual consists of')
)
PARTITION BY usage_date
CLUSTER BY provider, invoice_month
OPTIONS(description = 'Frozen copies of months, by day and charge category: see docs/focus.md');

ALTER TABLE org_dataset.day_history
  ADD COLUMN IF NOT EXISTS is_total_known BOOL OPTIONS(description = 'Whether the provider has told a total of its own; NULL for runs before there was this column'),
  ADD COLUMN IF NOT EXISTS totals ARRAY<STRUCT<currency STRING, total NUMERIC>> OPTIONS(description = 'The provider\'s own total of the day, by currency');
