-- Aqua's usage and costs of one org: one row per UTC day, project and product, as its reports tell them.
-- FILL IN 4: the columns of both tables, and in views_charges_aqua.sql what each means in FOCUS.
CREATE TABLE IF NOT EXISTS org_dataset.aqua_usage_daily_raw (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day that was asked for'),
  project_id STRING,
  product STRING,
  quantity NUMERIC NOT NULL OPTIONS(description = 'In unit'),
  unit STRING OPTIONS(description = 'e.g. requests, hours'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'The run that wrote this row'),
  ingested_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of that run, the same on redelivery')
)
PARTITION BY usage_date
CLUSTER BY project_id, product
OPTIONS(description = 'Aqua usage per UTC day');
CREATE TABLE IF NOT EXISTS org_dataset.aqua_cost_daily_raw (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day that was asked for'),
  project_id STRING,
  product STRING,
  amount NUMERIC NOT NULL OPTIONS(description = 'In currency; negative for credits'),
  currency STRING NOT NULL OPTIONS(description = 'ISO 4217, upper case'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'The run that wrote this row'),
  ingested_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of that run, the same on redelivery')
)
PARTITION BY usage_date
CLUSTER BY project_id, product
OPTIONS(description = 'Aqua costs per UTC day');
