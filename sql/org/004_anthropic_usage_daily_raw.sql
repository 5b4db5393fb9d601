-- Anthropic usage of one org: one row per UTC day and distinct combination of model, workspace, API key, service tier
-- and context window. Written only by jobs/reports, a whole day (partition) at a time.
CREATE TABLE IF NOT EXISTS org_dataset.anthropic_usage_daily_raw (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day of the bucket'),
  api STRING NOT NULL OPTIONS(description = 'usage_report or analytics: which API told it'),
  workspace_id STRING OPTIONS(description = 'usage_report: NULL is the default workspace; analytics: its real id'),
  api_key_id STRING OPTIONS(description = 'NULL for the Console'),
  model STRING,
  service_tier STRING OPTIONS(description = 'standard, batch, priority, priority_on_demand, flex or flex_discount'),
  context_window STRING OPTIONS(description = '0-200k or 200k-1M'),
  input_tokens INT64 NOT NULL OPTIONS(description = 'All input tokens: uncached, read from and written to the cache'),
  output_tokens INT64 NOT NULL,
  uncached_input_tokens INT64 NOT NULL,
  cache_read_input_tokens INT64 NOT NULL,
  cache_creation_5m_input_tokens INT64 NOT NULL,
  cache_creation_1h_input_tokens INT64 NOT NULL,
  web_search_requests INT64 NOT NULL,
  requests INT64 OPTIONS(description = 'analytics only'),
  data_refreshed_at TIMESTAMP OPTIONS(description = 'analytics only: how fresh Anthropic says its data is'),
  extra STRING OPTIONS(description = 'JSON object text: fields of the line that have no column yet; NULL when there are none'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'The run that wrote this row'),
  ingested_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of that run, the same on redelivery')
)
PARTITION BY usage_date
CLUSTER BY model, workspace_id
OPTIONS(description = 'Anthropic token usage per UTC day. Priority tier usage is here and not in the costs');
