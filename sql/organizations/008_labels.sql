-- Labels of orgs: rules that say which team, environment or cost centre a charge is of. Append-only: the highest version
-- counts, and an older one can be read again. Written by an INSERT of the function api whose job id names org and version,
-- so that no version is written twice (docs/adr/0046).

CREATE TABLE IF NOT EXISTS organizations.org_labels (
  org_slug STRING NOT NULL,
  version INT64 NOT NULL OPTIONS (description = "from 1; the highest one counts"),
  labels STRING NOT NULL OPTIONS (description = "JSON array of labels with their rules, as the API takes it"),
  digest STRING NOT NULL OPTIONS (description = "SHA-256 of that, in hexadecimal digits"),
  recorded_at TIMESTAMP NOT NULL,
  recorded_by STRING NOT NULL OPTIONS (description = "name of a key or id of a person"),
  entry_id STRING NOT NULL OPTIONS (description = "names the row")
)
CLUSTER BY org_slug
OPTIONS (description = "Versions of the labels of orgs; applied when costs are read, and so to all days");
