-- Charges of Anthropic: one row per raw cost row, with the usage that it is for where that can be told. The columns are
-- those of views_charges.sql.
CREATE OR REPLACE VIEW org_dataset.charges_anthropic
OPTIONS(description = 'Charges of Anthropic, a part of charges: see docs/focus.md')
AS
WITH
described AS (
  -- The cost report tells the speed in its words alone. They are understood if each is one that we know, or is of the
  -- model's name: what else they say might be another speed. No words, as in the analytics, say nothing.
  SELECT
    *,
    (
      SELECT LOGICAL_AND(
        word IN ('claude', 'usage', 'fast mode')
        OR word IN ('uncached', 'input', 'output', 'tokens', 'cache', 'read', 'write', 'hit', 'batch')
        OR word IN ('long', 'context', 'us', 'only', 'global', 'inference')
        OR word IN UNNEST(REGEXP_EXTRACT_ALL(LOWER(IFNULL(model, '')), r'[a-z]{2,}'))
      )
      FROM UNNEST(REGEXP_EXTRACT_ALL(LOWER(description), r'\bfast mode\b|[a-z]{2,}')) AS word
      WHERE api != 'analytics' AND token_type IS NOT NULL
    ) AS is_understood
  FROM org_dataset.anthropic_cost_daily_raw
),
report_line AS (
  -- Costs and usage under the keys that both have. Grouping, not joining, brings them together: NULL meets NULL (the
  -- default workspace), no row is doubled, and the day is a grouping key. The cost report knows no API keys.
  SELECT
    usage_date,
    api = 'analytics' AS by_api_key,
    workspace_id,
    IF(cost_type = 'web_search', NULL, api_key_id) AS api_key_id,
    COALESCE(token_type, cost_type) AS meter,
    IF(cost_type = 'web_search', NULL, model) AS model,
    IF(cost_type = 'web_search', NULL, service_tier) AS service_tier,
    IF(cost_type = 'web_search', NULL, context_window) AS context_window,
    CAST(NULL AS STRING) AS used_key,
    CAST(NULL AS STRING) AS used_geo,
    CAST(NULL AS STRING) AS used_speed,
    CAST(NULL AS INT64) AS used,
    STRUCT(
      org_slug AS org_slug,
      run_id AS run_id,
      ingested_at AS ingested_at,
      api_key_id AS api_key_id,
      description AS description,
      cost_type AS cost_type,
      token_type AS token_type,
      model AS model,
      service_tier AS service_tier,
      context_window AS context_window,
      inference_geo AS inference_geo,
      CASE
        WHEN api = 'analytics' OR token_type IS NULL THEN speed
        WHEN is_understood THEN IF(REGEXP_CONTAINS(description, r'(?i)\bfast mode\b'), 'fast', 'standard')
      END AS speed,
      is_understood IS NOT FALSE AS is_understood,
      amount AS amount,
      list_amount AS list_amount,
      currency AS currency
    ) AS cost
  FROM described
  UNION ALL
  SELECT
    used.usage_date,
    used.api = 'analytics',
    used.workspace_id,
    IF(used.api = 'analytics' AND metered.meter != 'web_search', used.api_key_id, NULL),
    metered.meter,
    IF(metered.meter = 'web_search', NULL, used.model),
    IF(metered.meter = 'web_search', NULL, used.service_tier),
    IF(metered.meter = 'web_search', NULL, used.context_window),
    IF(used.api = 'analytics', used.api_key_id, NULL),
    IF(metered.meter = 'web_search', NULL, used.inference_geo),
    IF(metered.meter = 'web_search', NULL, used.speed),
    metered.used,
    NULL
  FROM org_dataset.anthropic_usage_daily_raw AS used
  CROSS JOIN UNNEST([
    STRUCT('uncached_input_tokens' AS meter, used.uncached_input_tokens AS used),
    STRUCT('cache_read_input_tokens' AS meter, used.cache_read_input_tokens AS used),
    STRUCT('cache_creation.ephemeral_5m_input_tokens' AS meter, used.cache_creation_5m_input_tokens AS used),
    STRUCT('cache_creation.ephemeral_1h_input_tokens' AS meter, used.cache_creation_1h_input_tokens AS used),
    STRUCT('output_tokens' AS meter, used.output_tokens AS used),
    STRUCT('web_search' AS meter, used.web_search_requests AS used)
  ]) AS metered
),
usage_key AS (
  -- Geography and speed are no keys here: usage that was loaded before has neither, and is that of all. Nor is the API
  -- key of web searches, which their costs may leave out.
  SELECT
    usage_date,
    workspace_id,
    api_key_id,
    meter,
    meter = 'web_search' AND LOGICAL_OR(cost.api_key_id IS NOT NULL) AS by_key,
    LOGICAL_OR(used_geo IS NOT NULL) AND LOGICAL_OR(cost.inference_geo IS NOT NULL) AS by_geo,
    LOGICAL_OR(used_speed IS NOT NULL) AND LOGICAL_OR(cost.speed IS NOT NULL) AS by_speed,
    ARRAY_AGG(cost IGNORE NULLS) AS costs,
    ARRAY_AGG(
      STRUCT(
        IFNULL(used_key, cost.api_key_id) AS api_key_id,
        IFNULL(used_geo, cost.inference_geo) AS inference_geo,
        IFNULL(used_speed, cost.speed) AS speed,
        IFNULL(cost.is_understood, TRUE) AS is_understood,
        cost.amount AS amount,
        used AS used
      )
    ) AS lines
  FROM report_line
  GROUP BY usage_date, by_api_key, workspace_id, api_key_id, meter, model, service_tier, context_window
),
charge AS (
  SELECT
    usage_key.usage_date,
    usage_key.workspace_id,
    usage_key.meter,
    cost,
    -- How many charges, and how much usage, it cannot be told apart from.
    (
      SELECT AS STRUCT COUNTIF(line.amount >= 0) AS charges, SUM(line.used) AS used
      FROM UNNEST(usage_key.lines) AS line
      WHERE
        (NOT usage_key.by_key OR IFNULL(line.api_key_id, '') = IFNULL(cost.api_key_id, ''))
        AND (NOT usage_key.by_geo OR IFNULL(line.inference_geo, '') = IFNULL(cost.inference_geo, ''))
        AND (NOT usage_key.by_speed OR NOT line.is_understood OR IFNULL(line.speed, '') = IFNULL(cost.speed, ''))
    ) AS alike
  FROM usage_key
  CROSS JOIN UNNEST(usage_key.costs) AS cost
)
SELECT
  charge.usage_date,
  cost.org_slug,
  cost.run_id,
  cost.ingested_at,
  'anthropic' AS provider,
  'Anthropic' AS provider_name,
  charge.workspace_id AS sub_account_id,
  'Workspace' AS sub_account_type,
  'Claude API' AS service_name,
  'AI and Machine Learning' AS service_category,
  'Generative AI' AS service_subcategory,
  IF(cost.amount < 0, 'Credit', 'Usage') AS charge_category,
  FALSE AS is_correction,
  -- The analytics have no words: what is paid for stands for them.
  IFNULL(
    cost.description,
    NULLIF(
      ARRAY_TO_STRING(
        [
          cost.model,
          charge.meter,
          cost.service_tier,
          cost.context_window,
          cost.inference_geo,
          cost.speed
        ],
        ', '
      ),
      ''
    )
  ) AS charge_description,
  cost.amount AS billed_cost,
  cost.amount AS contracted_cost,
  IF(cost.amount < 0, NULL, cost.list_amount) AS list_cost,
  TRUE AS list_cost_known,
  cost.currency,
  -- Usage cannot be shared out between several charges of one key, none that was paid for is not zero, and words that
  -- are not understood may be for a part of it: all are unknown.
  IF(
    charge.alike.charges = 1 AND cost.is_understood AND (charge.alike.used > 0 OR cost.amount = 0),
    CAST(charge.alike.used AS NUMERIC),
    NULL
  ) AS consumed_quantity,
  IF(charge.meter = 'web_search', 'Requests', 'Tokens') AS consumed_unit,
  TRUE AS consumed_quantity_known,
  TRUE AS priced_as_consumed,
  -- What has a price of its own: each part that is told, in this order.
  ARRAY_TO_STRING(
    [
      'anthropic',
      cost.model,
      charge.meter,
      cost.service_tier,
      cost.context_window,
      cost.inference_geo,
      cost.speed
    ],
    '/'
  ) AS sku_id,
  CASE charge.meter
    WHEN 'uncached_input_tokens' THEN 'Uncached Input Tokens'
    WHEN 'cache_read_input_tokens' THEN 'Cache Read Input Tokens'
    WHEN 'cache_creation.ephemeral_5m_input_tokens' THEN 'Cache Creation 5m Input Tokens'
    WHEN 'cache_creation.ephemeral_1h_input_tokens' THEN 'Cache Creation 1h Input Tokens'
    WHEN 'output_tokens' THEN 'Output Tokens'
    WHEN 'web_search' THEN 'Web Searches'
    WHEN 'code_execution' THEN 'Code Execution'
    WHEN 'session_usage' THEN 'Session Usage'
  END AS sku_meter,
  cost.model,
  IF(cost.model IS NULL, NULL, 'Anthropic') AS model_developer,
  -- claude-<family>-<version>, and before version 4 claude-<version>-<family>
  COALESCE(
    REGEXP_EXTRACT(cost.model, r'^(claude-[a-z]+)-[0-9]'),
    CONCAT('claude-', REGEXP_EXTRACT(cost.model, r'^claude-[0-9]+(?:-[0-9])?-([a-z]+)'))
  ) AS model_family,
  REPLACE(
    COALESCE(
      REGEXP_EXTRACT(cost.model, r'^claude-[a-z]+-([0-9]+(?:-[0-9]{1,2})?)(?:-|$)'),
      REGEXP_EXTRACT(cost.model, r'^claude-([0-9]+(?:-[0-9])?)-[a-z]')
    ),
    '-', '.'
  ) AS model_version,
  cost.token_type,
  CASE
    WHEN cost.token_type = 'output_tokens' THEN 'Output'
    WHEN REGEXP_CONTAINS(cost.token_type, r'input_tokens$') THEN 'Input'
  END AS token_direction,
  CASE
    WHEN cost.token_type = 'uncached_input_tokens' THEN 'Uncached'
    WHEN cost.token_type = 'cache_read_input_tokens' THEN 'Read'
    WHEN STARTS_WITH(cost.token_type, 'cache_creation') THEN 'Write'
  END AS cache_action,
  cost.service_tier,
  cost.api_key_id,
  cost.context_window,
  cost.inference_geo,
  cost.speed,
  cost.cost_type,
  -- Not told by Anthropic
  CAST(NULL AS STRING) AS seller_name,
  CAST(NULL AS STRING) AS billing_account_id,
  CAST(NULL AS STRING) AS sub_account_name,
  CAST(NULL AS NUMERIC) AS pricing_quantity,
  CAST(NULL AS STRING) AS pricing_unit,
  CAST(NULL AS STRING) AS sku_price_suffix,
  CAST(NULL AS BOOL) AS pricing_quantity_known,
  CAST(NULL AS STRING) AS region_id,
  CAST(NULL AS STRING) AS availability_zone,
  CAST(NULL AS STRING) AS resource_id,
  CAST(NULL AS STRING) AS resource_name,
  CAST(NULL AS STRING) AS tags,
  CAST(NULL AS STRING) AS user_id,
  CAST(NULL AS STRING) AS invoice_month,
  CAST(NULL AS NUMERIC) AS credits,
  CAST(NULL AS STRING) AS api_source,
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
FROM charge;
