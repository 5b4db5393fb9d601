-- Charges of OpenAI: one row per raw cost row. The columns are those of views_charges.sql.
CREATE OR REPLACE VIEW org_dataset.charges_openai
OPTIONS(description = 'Charges of OpenAI, a part of charges: see docs/focus.md')
AS
WITH
described AS (
  SELECT *, REGEXP_REPLACE(line_item, r'(?i)^[a-z]+ \| |, long context$', '') AS words
  FROM org_dataset.openai_cost_daily_raw
),
understood AS (
  SELECT
    *,
    -- Written by `python -m infra.write_line_items` from providers/openai/line_items.py: change it there.
    CASE
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: audio, cached[ _]input|, cached[ _]audio[ _]input)(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: audio, cached[ _]input|, cached[ _]audio[ _]input)(?:[ _]tokens)?$') AS model, 'cached_audio_input' AS token_type, 'Input' AS token_direction, 'Read' AS cache_action, 'Cached Audio Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: image, cached[ _]input|, cached[ _]image[ _]input)(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: image, cached[ _]input|, cached[ _]image[ _]input)(?:[ _]tokens)?$') AS model, 'cached_image_input' AS token_type, 'Input' AS token_direction, 'Read' AS cache_action, 'Cached Image Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, cached[ _](?:text[ _])?input(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, cached[ _](?:text[ _])?input(?:[ _]tokens)?$') AS model, 'cached_input' AS token_type, 'Input' AS token_direction, 'Read' AS cache_action, 'Cached Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, cache[ _]writes?(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, cache[ _]writes?(?:[ _]tokens)?$') AS model, 'cache_write' AS token_type, 'Input' AS token_direction, 'Write' AS cache_action, 'Cache Write Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: audio, input|, audio[ _]input)(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: audio, input|, audio[ _]input)(?:[ _]tokens)?$') AS model, 'audio_input' AS token_type, 'Input' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Audio Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: image, input|, image[ _]input)(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: image, input|, image[ _]input)(?:[ _]tokens)?$') AS model, 'image_input' AS token_type, 'Input' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Image Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, (?:text[ _])?input(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, (?:text[ _])?input(?:[ _]tokens)?$') AS model, 'input' AS token_type, 'Input' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: audio, output|, audio[ _]output)(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: audio, output|, audio[ _]output)(?:[ _]tokens)?$') AS model, 'audio_output' AS token_type, 'Output' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Audio Output Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: image, output|, image[ _]output)(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: image, output|, image[ _]output)(?:[ _]tokens)?$') AS model, 'image_output' AS token_type, 'Output' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Image Output Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, (?:text[ _])?output(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?: text)?, (?:text[ _])?output(?:[ _]tokens)?$') AS model, 'output' AS token_type, 'Output' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Output Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?:, training| training)(?:[ _]tokens)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)(?:, training| training)(?:[ _]tokens)?$') AS model, 'training' AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Training Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(text-embedding-[a-z0-9-]+)$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(text-embedding-[a-z0-9-]+)$') AS model, 'input' AS token_type, 'Input' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^((?:omni|text)-moderation-[a-z0-9-]+)$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^((?:omni|text)-moderation-[a-z0-9-]+)$') AS model, 'input' AS token_type, 'Input' AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Input Tokens' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(tts-1[a-z0-9-]*|[a-z0-9.-]+-tts(?:-[0-9-]+)?)$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(tts-1[a-z0-9-]*|[a-z0-9.-]+-tts(?:-[0-9-]+)?)$') AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Speech' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(whisper(?:-1)?|[a-z0-9.-]+-transcribe[a-z0-9-]*)(?:, audio)?$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(whisper(?:-1)?|[a-z0-9.-]+-transcribe[a-z0-9-]*)(?:, audio)?$') AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Transcription' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(?:web search(?: preview)? tool calls?)$')
        THEN STRUCT(CAST(NULL AS STRING) AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Web Search Calls' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(?:file search tool calls?)$')
        THEN STRUCT(CAST(NULL AS STRING) AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, 'File Search Calls' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(?:code interpreter sessions?)$')
        THEN STRUCT(CAST(NULL AS STRING) AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Code Interpreter Sessions' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(?:(?:file search|vector(?: store)?) storage)$')
        THEN STRUCT(CAST(NULL AS STRING) AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, 'Storage' AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(?:credits?(?: adjustment)?)$')
        THEN STRUCT(CAST(NULL AS STRING) AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, CAST(NULL AS STRING) AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(?:rounding(?:, .*)?)$')
        THEN STRUCT(CAST(NULL AS STRING) AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, CAST(NULL AS STRING) AS meter)
      WHEN REGEXP_CONTAINS(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)$')
        THEN STRUCT(REGEXP_EXTRACT(words, r'(?i)^(ft:[^ :]+:(?:.*:)?[^ :]+?|[a-z]+[0-9-][a-z0-9._:-]*)$') AS model, CAST(NULL AS STRING) AS token_type, CAST(NULL AS STRING) AS token_direction, CAST(NULL AS STRING) AS cache_action, CAST(NULL AS STRING) AS meter)
    END AS known
    -- That was written.
  FROM described
),
candidate AS (
  -- What stands where a model would is one if its name is of a known family, or if the day's usage has it. A name that
  -- stands alone is one only by the usage.
  SELECT
    *,
    known.model IS NOT NULL AND (
      known.meter IS NULL
      OR NOT REGEXP_CONTAINS(known.model, r'(?i)^(?:ft:)?(?:gpt-|chatgpt-(?:[0-9]|image)|o[0-9](?:-|$)|text-(?:embedding|moderation|davinci|curie|babbage|ada)-|tts-|whisper|omni-moderation|dall-e-|sora-|codex-|computer-use-|(?:davinci|curie|babbage|ada)-[0-9])')
    ) AS asks_usage
  FROM understood
),
line AS (
  -- Names that ask the usage and the names of the usage come under one key, without the date of a snapshot. Grouping, not
  -- joining, brings them together, so that the day stays a grouping key. The lot of every other line is what keeps the
  -- groups small.
  SELECT
    usage_date,
    IF(
      asks_usage,
      REGEXP_REPLACE(LOWER(known.model), r'-[0-9]{4}-[0-9]{2}-[0-9]{2}$', ''),
      ARRAY_TO_STRING(['', line_item, project_id, api_key_id], '\n', '')
    ) AS lot,
    FALSE AS is_used,
    STRUCT(
      org_slug AS org_slug,
      run_id AS run_id,
      ingested_at AS ingested_at,
      project_id AS project_id,
      user_id AS user_id,
      api_key_id AS api_key_id,
      line_item AS line_item,
      api_source AS api_source,
      amount AS amount,
      currency AS currency,
      quantity AS quantity,
      quantity_unit AS quantity_unit,
      known.model AS model,
      known.token_type AS token_type,
      known.token_direction AS token_direction,
      known.cache_action AS cache_action,
      known.meter AS meter,
      asks_usage AS asks_usage
    ) AS cost
  FROM candidate
  UNION ALL
  SELECT usage_date, REGEXP_REPLACE(LOWER(model), r'-[0-9]{4}-[0-9]{2}-[0-9]{2}$', ''), TRUE, NULL
  FROM org_dataset.openai_usage_daily_raw
  WHERE model IS NOT NULL
),
lot AS (
  SELECT usage_date, LOGICAL_OR(is_used) AS is_used, ARRAY_AGG(cost IGNORE NULLS) AS costs
  FROM line
  GROUP BY usage_date, lot
),
charge AS (
  SELECT
    lot.usage_date,
    cost.org_slug,
    cost.run_id,
    cost.ingested_at,
    cost.project_id,
    cost.user_id,
    cost.api_key_id,
    cost.line_item,
    cost.api_source,
    cost.amount,
    cost.currency,
    cost.quantity,
    cost.quantity_unit,
    IF(lot.is_used OR NOT cost.asks_usage, cost.model, NULL) AS model,
    IF(lot.is_used OR NOT cost.asks_usage, cost.token_type, NULL) AS token_type,
    IF(lot.is_used OR NOT cost.asks_usage, cost.token_direction, NULL) AS token_direction,
    IF(lot.is_used OR NOT cost.asks_usage, cost.cache_action, NULL) AS cache_action,
    IF(lot.is_used OR NOT cost.asks_usage, cost.meter, NULL) AS meter
  FROM lot
  CROSS JOIN UNNEST(lot.costs) AS cost
),
named AS (
  SELECT
    *,
    REGEXP_REPLACE(LOWER(model), r'^ft:|:.*$|-[0-9]{4}-[0-9]{2}-[0-9]{2}(:.*)?$', '') AS base_model,
    -- The words say tokens also of what is counted in minutes or images: a unit that is told decides.
    IFNULL(NULLIF(quantity_unit, ''), 'tokens') IN ('tokens', '1000_tokens') AS may_be_tokens
  FROM charge
)
SELECT
  usage_date,
  org_slug,
  run_id,
  ingested_at,
  'openai' AS provider,
  'OpenAI' AS provider_name,
  project_id AS sub_account_id,
  'Project' AS sub_account_type,
  'OpenAI API' AS service_name,
  'AI and Machine Learning' AS service_category,
  'Generative AI' AS service_subcategory,
  IF(amount < 0, 'Credit', 'Usage') AS charge_category,
  FALSE AS is_correction,
  line_item AS charge_description,
  amount AS billed_cost,
  amount AS contracted_cost,
  FALSE AS list_cost_known,
  currency,
  CAST(IF(quantity_unit = '1000_tokens', quantity * 1000, quantity) AS NUMERIC) AS consumed_quantity,
  -- In the unit format of FOCUS, where we know what OpenAI's word means
  CASE quantity_unit
    WHEN 'tokens' THEN 'Tokens'
    WHEN '1000_tokens' THEN 'Tokens'
    WHEN 'images' THEN 'Images'
    WHEN 'characters' THEN 'Characters'
    WHEN 'sessions' THEN 'Sessions'
    WHEN 'duration_seconds' THEN 'Seconds'
    WHEN 'duration_minutes' THEN 'Minutes'
    WHEN 'duration_hours' THEN 'Hours'
    WHEN 'gibibyte_hours' THEN 'GiB-Hours'
    ELSE quantity_unit
  END AS consumed_unit,
  TRUE AS consumed_quantity_known,
  TRUE AS priced_as_consumed,
  CONCAT('openai/', IFNULL(NULLIF(line_item, ''), 'unknown')) AS sku_id,
  CASE
    WHEN quantity_unit = 'images' THEN 'Images'
    WHEN may_be_tokens OR NOT ENDS_WITH(meter, ' Tokens') THEN meter
    WHEN quantity_unit = 'characters' THEN 'Characters'
    WHEN STARTS_WITH(quantity_unit, 'duration_') THEN 'Duration'
  END AS sku_meter,
  model,
  IF(model IS NULL, NULL, 'OpenAI') AS model_developer,
  -- A name is <family>-<version>, then a variant and a date; that of a fine-tuned model begins with its base model.
  REGEXP_EXTRACT(base_model, r'^([a-z-]+?)-?[0-9]') AS model_family,
  REGEXP_EXTRACT(base_model, r'^[a-z-]+?-?([0-9]+(?:\.[0-9]+)*o?)(?:-|$)') AS model_version,
  IF(may_be_tokens, token_type, NULL) AS token_type,
  IF(may_be_tokens, token_direction, NULL) AS token_direction,
  IF(may_be_tokens, cache_action, NULL) AS cache_action,
  LOWER(REGEXP_EXTRACT(line_item, r'(?i)^(priority|flex|batch) \| ')) AS service_tier,
  IF(REGEXP_CONTAINS(line_item, r'(?i), long context$'), 'long', NULL) AS context_window,
  api_key_id,
  user_id,
  api_source,
  -- Not told by OpenAI
  CAST(NULL AS STRING) AS seller_name,
  CAST(NULL AS STRING) AS billing_account_id,
  CAST(NULL AS STRING) AS sub_account_name,
  CAST(NULL AS NUMERIC) AS list_cost,
  CAST(NULL AS NUMERIC) AS pricing_quantity,
  CAST(NULL AS STRING) AS pricing_unit,
  CAST(NULL AS BOOL) AS pricing_quantity_known,
  CAST(NULL AS STRING) AS sku_price_suffix,
  CAST(NULL AS STRING) AS region_id,
  CAST(NULL AS STRING) AS availability_zone,
  CAST(NULL AS STRING) AS resource_id,
  CAST(NULL AS STRING) AS resource_name,
  CAST(NULL AS STRING) AS tags,
  CAST(NULL AS STRING) AS inference_geo,
  CAST(NULL AS STRING) AS speed,
  CAST(NULL AS STRING) AS invoice_month,
  CAST(NULL AS STRING) AS cost_type,
  CAST(NULL AS NUMERIC) AS credits,
  CAST(NULL AS TIMESTAMP) AS period_start,
  CAST(NULL AS TIMESTAMP) AS period_end,
  CAST(NULL AS STRING) AS subscription_id,
  CAST(NULL AS STRING) AS more_labels,
  CAST(NULL AS STRING) AS billing_account_type,
  CAST(NULL AS STRING) AS region_name,
  CAST(NULL AS STRING) AS resource_type,
  CAST(NULL AS NUMERIC) AS list_unit_price,
  CAST(NULL AS NUMERIC) AS contracted_unit_price,
  CAST(NULL AS STRING) AS pricing_currency,
  CAST(NULL AS NUMERIC) AS pricing_currency_rate,
  CAST(NULL AS BOOL) AS is_committed,
  CAST(NULL AS BOOL) AS is_dynamic,
  CAST(NULL AS STRING) AS commitment_id,
  CAST(NULL AS STRING) AS commitment_name,
  CAST(NULL AS STRING) AS commitment_category,
  CAST(NULL AS STRING) AS commitment_type,
  CAST(NULL AS NUMERIC) AS commitment_quantity,
  CAST(NULL AS STRING) AS commitment_unit
FROM named;
