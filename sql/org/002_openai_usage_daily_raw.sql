-- OpenAI usage of one org: one row per UTC day, usage endpoint and distinct combination of the dimensions that the
-- endpoint can group by. Written only by jobs/reports, a whole day (partition) at a time.
-- A measure that an endpoint does not have is NULL, never 0; so is a dimension that it cannot group by.
CREATE TABLE IF NOT EXISTS org_dataset.openai_usage_daily_raw (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day of the bucket'),
  endpoint STRING NOT NULL OPTIONS(description = 'Last part of the path: completions, embeddings, images …'),
  project_id STRING,
  user_id STRING OPTIONS(description = 'OpenAI\'s id of the user; names and e-mail addresses are not stored'),
  api_key_id STRING,
  model STRING,
  batch BOOL,
  service_tier STRING,
  api_source STRING OPTIONS(description = 'agents_api or unlabeled'),
  size STRING OPTIONS(description = 'images: e.g. 1024x1024'),
  source STRING OPTIONS(description = 'images: image.generation, image.edit or image.variation'),
  vector_store_id STRING OPTIONS(description = 'file_search_calls'),
  context_level STRING OPTIONS(description = 'web_search_calls: low, medium or high'),
  input_tokens INT64 OPTIONS(description = 'All input tokens, cached and cache writes included'),
  output_tokens INT64,
  input_uncached_tokens INT64,
  input_cached_tokens INT64,
  input_cache_write_tokens INT64,
  input_cache_write_30m_tokens INT64,
  input_cache_write_12h_tokens INT64,
  input_text_tokens INT64 OPTIONS(description = 'Uncached text without cache writes'),
  input_audio_tokens INT64,
  input_image_tokens INT64,
  input_cached_text_tokens INT64,
  input_cached_audio_tokens INT64,
  input_cached_image_tokens INT64,
  output_text_tokens INT64,
  output_audio_tokens INT64,
  output_image_tokens INT64,
  num_model_requests INT64,
  num_requests INT64 OPTIONS(description = 'file_search_calls and web_search_calls: tool calls'),
  images INT64,
  characters INT64 OPTIONS(description = 'audio_speeches'),
  seconds INT64 OPTIONS(description = 'audio_transcriptions'),
  usage_bytes INT64 OPTIONS(description = 'vector_stores'),
  num_sessions INT64 OPTIONS(description = 'code_interpreter_sessions'),
  extra STRING OPTIONS(description = 'JSON object text: fields of the line that have no column yet; NULL when there are none'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'The run that wrote this row'),
  ingested_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of that run, the same on redelivery')
)
PARTITION BY usage_date
CLUSTER BY endpoint, model, project_id
OPTIONS(description = 'OpenAI usage per UTC day, from the organization usage API');
