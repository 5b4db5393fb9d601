-- Invoices of providers to orgs, as their people or programs have told them. Append-only: the newest row of an org, issuer
-- and number counts, and a void one takes the invoice away. Written by INSERT statements of the function api; the org's
-- next run carries the rows into the org's own dataset (docs/adr/0036).

CREATE TABLE IF NOT EXISTS organizations.org_invoices (
  org_slug STRING NOT NULL,
  issuer STRING NOT NULL OPTIONS (description = "id of the provider whose costs the invoice bills: gcp, openai, anthropic"),
  number STRING NOT NULL OPTIONS (description = "as the invoice has it"),
  invoice_month STRING NOT NULL OPTIONS (description = "YYYYMM that is billed"),
  currency STRING NOT NULL OPTIONS (description = "ISO 4217"),
  total NUMERIC NOT NULL OPTIONS (description = "what is to be paid, tax included"),
  tax NUMERIC OPTIONS (description = "the tax in total; NULL where nobody has told it"),
  credits NUMERIC OPTIONS (description = "credits and prepaid grants that the invoice takes off, zero or below; NULL where nobody has told them"),
  priority_tier NUMERIC OPTIONS (description = "what the invoice bills for the priority tier; NULL where nobody has told it"),
  issued_on DATE OPTIONS (description = "date of the invoice; NULL where nobody has told it"),
  is_void BOOL NOT NULL OPTIONS (description = "TRUE: the invoice does not count any more"),
  recorded_at TIMESTAMP NOT NULL,
  recorded_by STRING NOT NULL OPTIONS (description = "name of a key or id of a person"),
  entry_id STRING NOT NULL OPTIONS (description = "names the row")
)
CLUSTER BY org_slug
OPTIONS (description = "Invoices; the newest row of an org, issuer and number counts, by recorded_at, entry_id");
