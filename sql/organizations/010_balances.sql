-- Prepaid balances of orgs, as they were entered by hand, kept as budgets are (009).

CREATE TABLE IF NOT EXISTS organizations.org_balances (
  org_slug STRING NOT NULL,
  version INT64 NOT NULL OPTIONS (description = "from 1; the highest one counts"),
  balances STRING NOT NULL OPTIONS (description = "JSON array of balances; of a provider and currency the latest as_of counts"),
  digest STRING NOT NULL OPTIONS (description = "SHA-256 of that, in hexadecimal digits"),
  recorded_at TIMESTAMP NOT NULL,
  recorded_by STRING NOT NULL OPTIONS (description = "name of a key or id of a person"),
  entry_id STRING NOT NULL OPTIONS (description = "names the row")
)
CLUSTER BY org_slug
OPTIONS (description = "Versions of what orgs have paid to providers in advance");
