-- Anthropic costs of one org: one row per UTC day, workspace and description (cost report), or per UTC day, workspace,
-- API key, model, service tier, context window, kind of cost and kind of token (analytics).
-- Written only by jobs/reports, a whole day (partition) at a time.
CREATE TABLE IF NOT EXISTS org_dataset.anthropic_cost_daily_raw (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day of the bucket'),
  api STRING NOT NULL OPTIONS(description = 'cost_report or analytics: which API told it'),
  workspace_id STRING OPTIONS(description = 'cost_report: NULL is the default workspace; analytics: its real id'),
  api_key_id STRING OPTIONS(description = 'analytics only'),
  description STRING OPTIONS(description = 'cost_report only: free text of Anthropic'),
  cost_type STRING OPTIONS(description = 'tokens, web_search, code_execution or session_usage'),
  token_type STRING OPTIONS(description = 'e.g. uncached_input_tokens; NULL where tokens are not what is paid for'),
  model STRING,
  service_tier STRING,
  context_window STRING,
  inference_geo STRING,
  amount NUMERIC NOT NULL OPTIONS(description = 'In currency (not in cents). Rounded to 9 decimals, see raw'),
  list_amount NUMERIC OPTIONS(description = 'analytics only: before discounts, in currency'),
  currency STRING NOT NULL OPTIONS(description = 'ISO 4217, upper case'),
  requests INT64 OPTIONS(description = 'analytics only'),
  data_refreshed_at TIMESTAMP OPTIONS(description = 'analytics only: how fresh Anthropic says its data is'),
  raw STRING NOT NULL OPTIONS(description = 'The line as JSON text, its amounts in cents as sent; without personal data'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'The run that wrote this row'),
  ingested_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of that run, the same on redelivery')
)
PARTITION BY usage_date
CLUSTER BY model, workspace_id
OPTIONS(description = 'Anthropic costs per UTC day. Priority tier is billed apart and is not in them');
