-- Charges of Anthropic: one row per raw cost row, with the usage that it is for where that can be told. The columns are
-- those of views_charges.sql.
CREATE OR REPLACE VIEW org_dataset.charges_anthropic
OPTIONS(description = 'Charges of Anthropic, a part of charges: see docs/focus.md')
AS
WITH
report_line AS (
  -- Costs and usage under the keys that both have. Grouping, not joining, brings them together: NULL meets NULL (the
  -- default workspace), no row is doubled, and the day is a grouping key. The cost report knows no API keys.
  SELECT
    usage_date,
    api = 'analytics' AS by_api_key,
    workspace_id,
    api_key_id,
    COALESCE(token_type, cost_type) AS meter,
    IF(cost_type = 'web_search', NULL, model) AS model,
    IF(cost_type = 'web_search', NULL, service_tier) AS service_tier,
    IF(cost_type = 'web_search', NULL, context_window) AS context_window,
    IF(amount < 0, 0, 1) AS charges,
    CAST(NULL AS INT64) AS used,
    STRUCT(
      org_slug AS org_slug,
      run_id AS run_id,
      ingested_at AS ingested_at,
      description AS description,
      cost_type AS cost_type,
      token_type AS token_type,
      model AS model,
      service_tier AS service_tier,
      context_window AS context_window,
      inference_geo AS inference_geo,
      amount AS amount,
      list_amount AS list_amount,
      currency AS currency
    ) AS cost
  FROM org_dataset.anthropic_cost_daily_raw
  UNION ALL
  SELECT
    used.usage_date,
    used.api = 'analytics',
    used.workspace_id,
    IF(used.api = 'analytics', used.api_key_id, NULL),
    metered.meter,
    IF(metered.meter = 'web_search', NULL, used.model),
    IF(metered.meter = 'web_search', NULL, used.service_tier),
    IF(metered.meter = 'web_search', NULL, used.context_window),
    0,
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
  SELECT
    usage_date,
    workspace_id,
    api_key_id,
    meter,
    SUM(charges) AS charges,
    SUM(used) AS used,
    ARRAY_AGG(cost IGNORE NULLS) AS costs
  FROM report_line
  GROUP BY usage_date, by_api_key, workspace_id, api_key_id, meter, model, service_tier, context_window
)
SELECT
  usage_key.usage_date,
  cost.org_slug,
  cost.run_id,
  cost.ingested_at,
  'anthropic' AS provider,
  'Anthropic' AS provider_name,
  usage_key.workspace_id AS sub_account_id,
  'Workspace' AS sub_account_type,
  'Claude API' AS service_name,
  'AI and Machine Learning' AS service_category,
  'Generative AI' AS service_subcategory,
  IF(cost.amount < 0, 'Credit', 'Usage') AS charge_category,
  FALSE AS is_correction,
  cost.description AS charge_description,
  cost.amount AS billed_cost,
  cost.amount AS contracted_cost,
  IF(cost.amount < 0, NULL, cost.list_amount) AS list_cost,
  TRUE AS list_cost_known,
  cost.currency,
  -- Usage cannot be shared out between several charges of one key (inference_geo, for one, is not in it), and none
  -- that was paid for is not zero: both are unknown.
  IF(
    usage_key.charges = 1 AND (usage_key.used > 0 OR cost.amount = 0),
    CAST(usage_key.used AS NUMERIC),
    NULL
  ) AS consumed_quantity,
  IF(usage_key.meter = 'web_search', 'Requests', 'Tokens') AS consumed_unit,
  TRUE AS consumed_quantity_known,
  TRUE AS priced_as_consumed,
  CONCAT(
    'anthropic',
    IFNULL(CONCAT('/', cost.model), ''),
    IFNULL(CONCAT('/', usage_key.meter), ''),
    IFNULL(CONCAT('/', cost.context_window), '')
  ) AS sku_id,
  CONCAT(
    IFNULL(CONCAT('/', cost.service_tier), ''),
    IF(cost.inference_geo NOT IN ('global', 'not_available'), CONCAT('/', cost.inference_geo), '')
  ) AS sku_price_suffix,
  CASE usage_key.meter
    WHEN 'uncached_input_tokens' THEN 'Uncached Input Tokens'
    WHEN 'cache_read_input_tokens' THEN 'Cache Read Input Tokens'
    WHEN 'cache_creation.ephemeral_5m_input_tokens' THEN 'Cache Creation 5m Input Tokens'
    WHEN 'cache_creation.ephemeral_1h_input_tokens' THEN 'Cache Creation 1h Input Tokens'
    WHEN 'output_tokens' THEN 'Output Tokens'
    WHEN 'web_search' THEN 'Web Searches'
  END AS sku_meter,
  cost.model,
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
  usage_key.api_key_id,
  cost.context_window,
  cost.inference_geo,
  cost.cost_type,
  -- Not told by Anthropic
  CAST(NULL AS STRING) AS seller_name,
  CAST(NULL AS STRING) AS billing_account_id,
  CAST(NULL AS STRING) AS sub_account_name,
  CAST(NULL AS NUMERIC) AS pricing_quantity,
  CAST(NULL AS STRING) AS pricing_unit,
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
  CAST(NULL AS STRING) AS more_labels
FROM usage_key
CROSS JOIN UNNEST(usage_key.costs) AS cost;
