-- Which installation has made the tables beside this one. The label of the dataset may get lost, this goes and comes back
-- with what was decided (docs/adr/0013). Written once, by an INSERT statement.

CREATE TABLE IF NOT EXISTS organizations.installations (
  identity STRING NOT NULL OPTIONS (description = "the value of the dataset's label cloudact_installation"),
  recorded_at TIMESTAMP NOT NULL OPTIONS (description = "by BigQuery's clock")
)
OPTIONS (description = "The installation that these tables belong to; the oldest row counts");
