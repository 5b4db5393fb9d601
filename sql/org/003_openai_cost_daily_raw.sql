-- OpenAI costs of one org: one row per UTC day, project, line item and, where OpenAI allows it, API key and API source.
-- Written only by jobs/reports, a whole day (partition) at a time.
CREATE TABLE IF NOT EXISTS org_dataset.openai_cost_daily_raw (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day of the bucket'),
  project_id STRING,
  user_id STRING OPTIONS(description = 'OpenAI\'s id of the user, where OpenAI sends it'),
  api_key_id STRING OPTIONS(description = 'NULL for dates before 2025-12-06, for which OpenAI refuses to group by it'),
  line_item STRING OPTIONS(description = 'Free text of OpenAI, e.g. gpt-5.4, cached input'),
  api_source STRING OPTIONS(description = 'agents_api or unlabeled'),
  amount NUMERIC NOT NULL OPTIONS(description = 'In currency; negative for credits. Rounded to 9 decimals, see raw'),
  currency STRING NOT NULL OPTIONS(description = 'ISO 4217, upper case'),
  quantity NUMERIC OPTIONS(description = 'In quantity_unit; NULL where OpenAI tells none'),
  quantity_unit STRING OPTIONS(description = 'e.g. tokens, 1000_tokens, images, duration_seconds, gibibyte_hours'),
  raw STRING NOT NULL OPTIONS(description = 'The line item as JSON text, its numbers of exactly the value sent; without personal data'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'The run that wrote this row'),
  ingested_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of that run, the same on redelivery')
)
PARTITION BY usage_date
CLUSTER BY project_id, line_item
OPTIONS(description = 'OpenAI costs per UTC day, from the organization costs API');
