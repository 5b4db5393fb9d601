-- Budgets of orgs, as labels are kept (008): append-only, the highest version counts, and an older one can be read again.
-- Written by an INSERT of the function api whose job id names org and version, so that no version is written twice
-- (docs/adr/0042).

CREATE TABLE IF NOT EXISTS organizations.org_budgets (
  org_slug STRING NOT NULL,
  version INT64 NOT NULL OPTIONS (description = "from 1; the highest one counts"),
  budgets STRING NOT NULL OPTIONS (description = "JSON array of budgets, each with the version in which it last changed"),
  digest STRING NOT NULL OPTIONS (description = "SHA-256 of that, in hexadecimal digits"),
  recorded_at TIMESTAMP NOT NULL,
  recorded_by STRING NOT NULL OPTIONS (description = "name of a key or id of a person"),
  entry_id STRING NOT NULL OPTIONS (description = "names the row")
)
CLUSTER BY org_slug
OPTIONS (description = "Versions of the budgets of orgs: what they want to spend in a month");
