-- Claude Code activity of one org: one row per record of the report (UTC day, actor, terminal). Its costs are Anthropic's
-- estimate and include subscription users: they are never added to billed costs.
-- Written only by jobs/reports, a whole day (partition) at a time.
CREATE TABLE IF NOT EXISTS org_dataset.anthropic_claude_code_daily_raw (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day of the record'),
  actor_type STRING NOT NULL OPTIONS(description = 'user_actor or api_actor; who the user is, is not stored'),
  api_key_name STRING OPTIONS(description = 'api_actor only; names are not unique'),
  customer_type STRING OPTIONS(description = 'api or subscription'),
  subscription_type STRING OPTIONS(description = 'enterprise or team'),
  terminal_type STRING,
  num_sessions INT64,
  lines_added INT64,
  lines_removed INT64,
  commits INT64,
  pull_requests INT64,
  input_tokens INT64 NOT NULL OPTIONS(description = 'Sum over model_breakdown, without cache reads and writes'),
  output_tokens INT64 NOT NULL,
  cache_read_tokens INT64 NOT NULL,
  cache_creation_tokens INT64 NOT NULL,
  estimated_cost NUMERIC NOT NULL OPTIONS(description = 'Sum over model_breakdown in currency (not in cents); an estimate'),
  currency STRING OPTIONS(description = 'ISO 4217, upper case; NULL without any model'),
  model_breakdown STRING NOT NULL OPTIONS(description = 'JSON array text: tokens and estimated cost (in cents) by model'),
  tool_actions STRING NOT NULL OPTIONS(description = 'JSON object text: accepted and rejected by tool'),
  extra STRING OPTIONS(description = 'JSON object text: fields of the record that have no column yet; NULL when there are none'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'The run that wrote this row'),
  ingested_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of that run, the same on redelivery')
)
PARTITION BY usage_date
CLUSTER BY terminal_type
OPTIONS(description = 'Claude Code activity per UTC day, with estimated costs');
