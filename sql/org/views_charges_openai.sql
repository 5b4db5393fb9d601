-- Charges of OpenAI: one row per raw cost row. The columns are those of views_charges.sql.
CREATE OR REPLACE VIEW org_dataset.charges_openai
OPTIONS(description = 'Charges of OpenAI, a part of charges: see docs/focus.md')
AS
WITH
line AS (
  -- The line item is free text: only the endings that OpenAI is known to write are taken for a model and a token type.
  SELECT
    *,
    REGEXP_EXTRACT(line_item, r'^(.+), (?:cached[ _]input|input|output)(?:_tokens)?$') AS model,
    REPLACE(
      REGEXP_EXTRACT(line_item, r'^.+, (cached[ _]input|input|output)(?:_tokens)?$'), ' ', '_'
    ) AS token_type
  FROM org_dataset.openai_cost_daily_raw
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
  IF(quantity_unit IN ('tokens', '1000_tokens'), 'Tokens', quantity_unit) AS consumed_unit,
  TRUE AS consumed_quantity_known,
  TRUE AS priced_as_consumed,
  CONCAT('openai/', IFNULL(NULLIF(line_item, ''), 'unknown')) AS sku_id,
  CASE token_type
    WHEN 'input' THEN 'Input Tokens'
    WHEN 'cached_input' THEN 'Cached Input Tokens'
    WHEN 'output' THEN 'Output Tokens'
  END AS sku_meter,
  model,
  token_type,
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
  CAST(NULL AS STRING) AS service_tier,
  CAST(NULL AS STRING) AS context_window,
  CAST(NULL AS STRING) AS inference_geo,
  CAST(NULL AS STRING) AS invoice_month,
  CAST(NULL AS STRING) AS cost_type,
  CAST(NULL AS NUMERIC) AS credits,
  CAST(NULL AS TIMESTAMP) AS period_start,
  CAST(NULL AS TIMESTAMP) AS period_end,
  CAST(NULL AS STRING) AS subscription_id,
  CAST(NULL AS STRING) AS more_labels
FROM line;
