-- Which scripts of infra/sql were applied to which dataset (docs/adr/0010). Append-only; a script that was applied
-- twice has two rows. Written by INSERT statements and never streamed into: rows streamed into a new table may get lost.

CREATE TABLE IF NOT EXISTS organizations.schema_migrations (
  dataset STRING NOT NULL OPTIONS (description = "the dataset that the script was applied to"),
  scope STRING NOT NULL OPTIONS (description = "organizations: the service's own dataset; org: an org's"),
  script STRING NOT NULL OPTIONS (description = "the file's name without .sql"),
  version INT64 OPTIONS (description = "the number in the name; NULL for views, which are applied again when they change"),
  checksum STRING NOT NULL OPTIONS (description = "SHA-256 of the file's text, in hex"),
  applied_at TIMESTAMP NOT NULL OPTIONS (description = "by BigQuery's clock; the newest row of a dataset and script counts"),
  applied_by STRING OPTIONS (description = "the execution of the job, or onboarding")
)
CLUSTER BY scope, dataset
OPTIONS (description = "Scripts applied to datasets; the newest row of a dataset and script counts");
