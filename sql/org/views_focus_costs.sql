-- What an org pays, of all providers, in FOCUS 1.4 columns: one row per raw cost row, none added and none lost.
-- docs/focus.md tells column by column how it is filled and what is not known.
--
-- A bound on x_UsageDate prunes the partitions of every table: it is the partitioning column itself, and a grouping key
-- where rows are grouped. A bound on ChargePeriodStart reads everything, since that is computed.
CREATE OR REPLACE VIEW org_dataset.focus_costs (
  BilledCost, EffectiveCost, ListCost, ContractedCost, BillingAccountId, BillingCurrency, BillingPeriodStart,
  BillingPeriodEnd, ChargeCategory, ChargePeriodStart, ChargePeriodEnd, InvoiceIssuerName, ServiceCategory,
  ServiceName, ServiceProviderName, BillingAccountName, ChargeClass, ChargeDescription, HostProviderName,
  PricingQuantity, PricingUnit, ProviderName, PublisherName, ConsumedQuantity, ConsumedUnit, SubAccountId,
  SubAccountName, SubAccountType, ServiceSubcategory, SkuId, SkuPriceId, SkuMeter, RegionId, AvailabilityZone,
  ResourceId, ResourceName, Tags, x_UsageDate, x_Provider, x_Model, x_TokenType, x_ServiceTier, x_ApiKeyId, x_UserId,
  x_ContextWindow, x_InferenceGeo, x_ApiSource, x_InvoiceMonth, x_CostType, x_Credits, x_ListCostKnown,
  x_QuantityKnown, x_OrgSlug, x_RunId, x_IngestedAt, x_PricingQuantityKnown, x_SubscriptionId, x_OtherTags
)
OPTIONS(description = 'Costs of all providers in the columns of FOCUS 1.4 with the names of 1.2, see docs/focus.md')
AS
WITH
gcp_line AS (
  -- commitment_fee is NULL in rows loaded before there was such a column: their SKU must tell.
  SELECT
    *,
    IFNULL(
      IFNULL(
        commitment_fee,
        REGEXP_CONTAINS(LOWER(sku_description), r'^commitment\b|\bcommitted use discounts?\b')
        OR REGEXP_CONTAINS(labels, r'"goog-originating-sku-id":')
      ) AND NOT STARTS_WITH(UPPER(IFNULL(transaction_type, '')), 'THIRD_PARTY'),
      FALSE
    ) AS is_fee,
    IFNULL(LOWER(TRIM(cost_type)) IN ('tax', 'rounding_error'), FALSE) AS is_unpriced
  FROM org_dataset.gcp_billing_daily_raw
),
openai_line AS (
  -- The line item is free text: only the endings that OpenAI is known to write are taken for a model and a token type.
  SELECT
    *,
    REGEXP_EXTRACT(line_item, r'^(.+), (?:cached[ _]input|input|output)(?:_tokens)?$') AS model,
    REPLACE(
      REGEXP_EXTRACT(line_item, r'^.+, (cached[ _]input|input|output)(?:_tokens)?$'), ' ', '_'
    ) AS token_type
  FROM org_dataset.openai_cost_daily_raw
),
anthropic_meter AS (
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
anthropic_key AS (
  SELECT
    usage_date,
    workspace_id,
    api_key_id,
    meter,
    SUM(charges) AS charges,
    SUM(used) AS used,
    ARRAY_AGG(cost IGNORE NULLS) AS costs
  FROM anthropic_meter
  GROUP BY usage_date, by_api_key, workspace_id, api_key_id, meter, model, service_tier, context_window
),
charge AS (
  -- What is absent is NULL, also where a provider sends ''.
  SELECT
    * REPLACE (
      NULLIF(seller_name, '') AS seller_name,
      NULLIF(billing_account_id, '') AS billing_account_id,
      NULLIF(sub_account_id, '') AS sub_account_id,
      NULLIF(sub_account_name, '') AS sub_account_name,
      NULLIF(charge_description, '') AS charge_description,
      NULLIF(currency, '') AS currency,
      NULLIF(consumed_unit, '') AS consumed_unit,
      NULLIF(pricing_unit, '') AS pricing_unit,
      NULLIF(region_id, '') AS region_id,
      NULLIF(availability_zone, '') AS availability_zone,
      NULLIF(resource_id, '') AS resource_id,
      NULLIF(resource_name, '') AS resource_name,
      NULLIF(model, '') AS model,
      NULLIF(token_type, '') AS token_type,
      NULLIF(service_tier, '') AS service_tier,
      NULLIF(api_key_id, '') AS api_key_id,
      NULLIF(user_id, '') AS user_id,
      NULLIF(context_window, '') AS context_window,
      NULLIF(inference_geo, '') AS inference_geo,
      NULLIF(api_source, '') AS api_source,
      NULLIF(invoice_month, '') AS invoice_month,
      NULLIF(cost_type, '') AS cost_type,
      NULLIF(subscription_id, '') AS subscription_id
    ),
    charge_category = 'Usage' AND NOT is_correction AS is_metered,
    charge_category IN ('Usage', 'Purchase') AND NOT is_correction AS is_priced
  FROM (
    SELECT
      usage_date,
      org_slug,
      run_id,
      ingested_at,
      'gcp' AS provider,
      'Google Cloud' AS provider_name,
      IF(STARTS_WITH(UPPER(transaction_type), 'THIRD_PARTY'), seller_name, NULL) AS seller_name,
      billing_account_id,
      project_id AS sub_account_id,
      project_name AS sub_account_name,
      'Project' AS sub_account_type,
      IFNULL(NULLIF(service_description, ''), 'Unknown') AS service_name,
      -- Google names no category. This is ours, by the name of the service.
      CASE
        WHEN REGEXP_CONTAINS(
          service_description,
          r'^(App Engine|Batch|Cloud Functions|Cloud Run( Functions)?|Compute Engine|Kubernetes Engine|VMware Engine)$'
        ) THEN 'Compute'
        WHEN REGEXP_CONTAINS(
          service_description, r'^(Backup and DR Service|Backup for GKE|Cloud Filestore|Cloud Storage|NetApp Volumes)$'
        ) THEN 'Storage'
        WHEN REGEXP_CONTAINS(
          service_description,
          r'^(AlloyDB|Cloud (Bigtable|Datastore|Firestore|Memorystore|Memorystore for Redis|Spanner|SQL))$'
        ) THEN 'Databases'
        WHEN REGEXP_CONTAINS(
          service_description,
          r'^(BigQuery.*|Cloud (Composer|Data Fusion|Dataflow|Dataproc)|Dataplex|Looker|Looker Studio)$'
        ) THEN 'Analytics'
        WHEN REGEXP_CONTAINS(
          service_description,
          r'^(Vertex AI|Gemini API|Translate|Dialogflow API|Cloud (Document AI|Natural Language|Speech|Vision) API)$'
        ) THEN 'AI and Machine Learning'
        WHEN REGEXP_CONTAINS(service_description, r'^(Networking|Cloud (CDN|DNS|VPN))$') THEN 'Networking'
        WHEN REGEXP_CONTAINS(
          service_description,
          r'^(Cloud Armor|Cloud Key Management Service \(KMS\)|Secret Manager|Security Command Center)$'
        ) THEN 'Security'
        WHEN REGEXP_CONTAINS(
          service_description, r'^(Apigee|Cloud (Pub/Sub|Scheduler|Tasks)|Eventarc|Workflows)$'
        ) THEN 'Integration'
        WHEN REGEXP_CONTAINS(
          service_description, r'^(Artifact Registry|Container Registry|Cloud (Build|Deploy))$'
        ) THEN 'Developer Tools'
        WHEN REGEXP_CONTAINS(
          service_description, r'^(Cloud Logging|Cloud Monitoring|Support)$'
        ) THEN 'Management and Governance'
        ELSE 'Other'
      END AS service_category,
      NULL AS service_subcategory,
      CASE
        WHEN LOWER(TRIM(cost_type)) = 'tax' THEN 'Tax'
        WHEN IFNULL(NULLIF(LOWER(TRIM(cost_type)), ''), 'regular') = 'regular' THEN IF(is_fee, 'Purchase', 'Usage')
        ELSE 'Adjustment'
      END AS charge_category,
      COALESCE(
        NULLIF(adjustment_id, ''),
        NULLIF(adjustment_description, ''),
        NULLIF(adjustment_mode, ''),
        NULLIF(adjustment_type, '')
      ) IS NOT NULL AS is_correction,
      sku_description AS charge_description,
      IFNULL(net_cost, 0) AS billed_cost,
      -- A fee buys a discount: what it covers has its list and contracted cost in the rows of the usage.
      IF(
        is_fee, 0, COALESCE(IF(is_unpriced, NULLIF(contracted_cost, 0), contracted_cost), cost, net_cost, 0)
      ) AS contracted_cost,
      IF(is_fee, 0, IF(is_unpriced, NULLIF(list_cost, 0), list_cost)) AS list_cost,
      is_fee OR list_cost_known IS NOT FALSE AS list_cost_known,
      currency,
      usage_amount AS consumed_quantity,
      usage_unit AS consumed_unit,
      usage_amount_in_pricing_units AS pricing_quantity,
      pricing_unit,
      usage_amount_known IS NOT FALSE AS consumed_quantity_known,
      pricing_amount_known IS NOT FALSE AS pricing_quantity_known,
      IFNULL(NULLIF(sku_id, ''), 'gcp/unknown') AS sku_id,
      CONCAT('|', CAST(price_tier_start_amount AS STRING)) AS sku_price_suffix,
      NULL AS sku_meter,
      region AS region_id,
      zone AS availability_zone,
      resource_global_name AS resource_id,
      resource_name,
      -- The keys of each kind but labels begin with its name in Google's own FOCUS view: no two kinds share a key.
      IF(
        COALESCE(labels, project_labels, system_labels, tags) IS NULL,
        NULL,
        CONCAT(
          '{',
          IFNULL(ARRAY_TO_STRING([
            NULLIF(TRIM(labels, '{}'), ''),
            NULLIF(REGEXP_REPLACE(
              TRIM(project_labels, '{}'),
              r'"((?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|null))', r'"project_label/\1'
            ), ''),
            NULLIF(REGEXP_REPLACE(
              TRIM(system_labels, '{}'),
              r'"((?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|null))', r'"system_label/\1'
            ), ''),
            NULLIF(REGEXP_REPLACE(
              TRIM(tags, '{}'), r'"((?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|null))', r'"tag/\1'
            ), '')
          ], ','), ''),
          '}'
        )
      ) AS tags,
      NULL AS model,
      NULL AS token_type,
      NULL AS service_tier,
      NULL AS api_key_id,
      NULL AS user_id,
      NULL AS context_window,
      NULL AS inference_geo,
      invoice_month,
      cost_type,
      credits,
      NULL AS api_source,
      period_start,
      period_end,
      subscription_id,
      more_labels
    FROM gcp_line
    UNION ALL
    SELECT
      usage_date,
      org_slug,
      run_id,
      ingested_at,
      'openai' AS provider,
      'OpenAI' AS provider_name,
      NULL AS seller_name,
      NULL AS billing_account_id,
      project_id AS sub_account_id,
      NULL AS sub_account_name,
      'Project' AS sub_account_type,
      'OpenAI API' AS service_name,
      'AI and Machine Learning' AS service_category,
      'Generative AI' AS service_subcategory,
      IF(amount < 0, 'Credit', 'Usage') AS charge_category,
      FALSE AS is_correction,
      line_item AS charge_description,
      amount AS billed_cost,
      amount AS contracted_cost,
      NULL AS list_cost,
      FALSE AS list_cost_known,
      currency,
      CAST(IF(quantity_unit = '1000_tokens', quantity * 1000, quantity) AS NUMERIC) AS consumed_quantity,
      IF(quantity_unit IN ('tokens', '1000_tokens'), 'Tokens', quantity_unit) AS consumed_unit,
      NULL AS pricing_quantity,
      NULL AS pricing_unit,
      TRUE AS consumed_quantity_known,
      TRUE AS pricing_quantity_known,
      CONCAT('openai/', IFNULL(NULLIF(line_item, ''), 'unknown')) AS sku_id,
      NULL AS sku_price_suffix,
      CASE token_type
        WHEN 'input' THEN 'Input Tokens'
        WHEN 'cached_input' THEN 'Cached Input Tokens'
        WHEN 'output' THEN 'Output Tokens'
      END AS sku_meter,
      NULL AS region_id,
      NULL AS availability_zone,
      NULL AS resource_id,
      NULL AS resource_name,
      NULL AS tags,
      model,
      token_type,
      NULL AS service_tier,
      api_key_id,
      user_id,
      NULL AS context_window,
      NULL AS inference_geo,
      NULL AS invoice_month,
      NULL AS cost_type,
      NULL AS credits,
      api_source,
      NULL AS period_start,
      NULL AS period_end,
      NULL AS subscription_id,
      NULL AS more_labels
    FROM openai_line
    UNION ALL
    SELECT
      anthropic_key.usage_date,
      cost.org_slug,
      cost.run_id,
      cost.ingested_at,
      'anthropic' AS provider,
      'Anthropic' AS provider_name,
      NULL AS seller_name,
      NULL AS billing_account_id,
      anthropic_key.workspace_id AS sub_account_id,
      NULL AS sub_account_name,
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
        anthropic_key.charges = 1 AND (anthropic_key.used > 0 OR cost.amount = 0),
        CAST(anthropic_key.used AS NUMERIC),
        NULL
      ) AS consumed_quantity,
      IF(anthropic_key.meter = 'web_search', 'Requests', 'Tokens') AS consumed_unit,
      NULL AS pricing_quantity,
      NULL AS pricing_unit,
      TRUE AS consumed_quantity_known,
      TRUE AS pricing_quantity_known,
      CONCAT(
        'anthropic',
        IFNULL(CONCAT('/', cost.model), ''),
        IFNULL(CONCAT('/', anthropic_key.meter), ''),
        IFNULL(CONCAT('/', cost.context_window), '')
      ) AS sku_id,
      CONCAT(
        IFNULL(CONCAT('/', cost.service_tier), ''),
        IF(cost.inference_geo NOT IN ('global', 'not_available'), CONCAT('/', cost.inference_geo), '')
      ) AS sku_price_suffix,
      CASE anthropic_key.meter
        WHEN 'uncached_input_tokens' THEN 'Uncached Input Tokens'
        WHEN 'cache_read_input_tokens' THEN 'Cache Read Input Tokens'
        WHEN 'cache_creation.ephemeral_5m_input_tokens' THEN 'Cache Creation 5m Input Tokens'
        WHEN 'cache_creation.ephemeral_1h_input_tokens' THEN 'Cache Creation 1h Input Tokens'
        WHEN 'output_tokens' THEN 'Output Tokens'
        WHEN 'web_search' THEN 'Web Searches'
      END AS sku_meter,
      NULL AS region_id,
      NULL AS availability_zone,
      NULL AS resource_id,
      NULL AS resource_name,
      NULL AS tags,
      cost.model,
      cost.token_type,
      cost.service_tier,
      anthropic_key.api_key_id,
      NULL AS user_id,
      cost.context_window,
      cost.inference_geo,
      NULL AS invoice_month,
      cost.cost_type,
      NULL AS credits,
      NULL AS api_source,
      NULL AS period_start,
      NULL AS period_end,
      NULL AS subscription_id,
      NULL AS more_labels
    FROM anthropic_key
    CROSS JOIN UNNEST(anthropic_key.costs) AS cost
  )
)
SELECT
  -- Mandatory in FOCUS 1.4, never NULL
  billed_cost AS BilledCost,
  billed_cost AS EffectiveCost,
  IFNULL(list_cost, contracted_cost) AS ListCost,
  contracted_cost AS ContractedCost,
  IFNULL(billing_account_id, org_slug) AS BillingAccountId,
  IFNULL(UPPER(currency), 'XXX') AS BillingCurrency,
  TIMESTAMP(DATE_TRUNC(usage_date, MONTH), 'UTC') AS BillingPeriodStart,
  TIMESTAMP(DATE_ADD(DATE_TRUNC(usage_date, MONTH), INTERVAL 1 MONTH), 'UTC') AS BillingPeriodEnd,
  charge_category AS ChargeCategory,
  IFNULL(period_start, TIMESTAMP(usage_date, 'UTC')) AS ChargePeriodStart,
  IFNULL(period_end, TIMESTAMP(DATE_ADD(usage_date, INTERVAL 1 DAY), 'UTC')) AS ChargePeriodEnd,
  provider_name AS InvoiceIssuerName,
  service_category AS ServiceCategory,
  service_name AS ServiceName,
  IFNULL(seller_name, provider_name) AS ServiceProviderName,
  -- Mandatory in FOCUS 1.4, may be NULL
  CAST(NULL AS STRING) AS BillingAccountName,
  IF(is_correction, 'Correction', NULL) AS ChargeClass,
  charge_description AS ChargeDescription,
  IF(seller_name IS NULL, provider_name, NULL) AS HostProviderName,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN provider = 'gcp' THEN IFNULL(pricing_quantity, 1)
    WHEN consumed_quantity IS NULL THEN 1
    WHEN consumed_unit = 'Tokens' THEN CAST(consumed_quantity * NUMERIC '0.000001' AS NUMERIC)
    ELSE consumed_quantity
  END AS PricingQuantity,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN provider = 'gcp' THEN IF(pricing_quantity IS NULL, 'Units', IFNULL(pricing_unit, 'Units'))
    WHEN consumed_quantity IS NULL THEN 'Units'
    WHEN consumed_unit = 'Tokens' THEN '1000000 Tokens'
    ELSE IFNULL(consumed_unit, 'Units')
  END AS PricingUnit,
  -- Until FOCUS 1.3
  provider_name AS ProviderName,
  IFNULL(seller_name, provider_name) AS PublisherName,
  -- Conditional and recommended
  IF(is_metered, IFNULL(consumed_quantity, 1), NULL) AS ConsumedQuantity,
  CASE
    WHEN NOT is_metered THEN NULL
    WHEN consumed_quantity IS NULL THEN 'Units'
    ELSE IFNULL(consumed_unit, 'Units')
  END AS ConsumedUnit,
  sub_account_id AS SubAccountId,
  IF(sub_account_id IS NULL, NULL, IFNULL(sub_account_name, sub_account_id)) AS SubAccountName,
  IF(sub_account_id IS NULL, NULL, sub_account_type) AS SubAccountType,
  IFNULL(service_subcategory, CONCAT('Other (', service_category, ')')) AS ServiceSubcategory,
  IF(charge_category = 'Tax', NULL, sku_id) AS SkuId,
  IF(charge_category = 'Tax', NULL, CONCAT(sku_id, IFNULL(sku_price_suffix, ''))) AS SkuPriceId,
  IF(charge_category = 'Tax', NULL, sku_meter) AS SkuMeter,
  region_id AS RegionId,
  availability_zone AS AvailabilityZone,
  IFNULL(resource_id, resource_name) AS ResourceId,
  IF(resource_id IS NULL, NULL, NULLIF(resource_name, resource_id)) AS ResourceName,
  tags AS Tags,
  -- Ours
  usage_date AS x_UsageDate,
  provider AS x_Provider,
  model AS x_Model,
  token_type AS x_TokenType,
  service_tier AS x_ServiceTier,
  api_key_id AS x_ApiKeyId,
  user_id AS x_UserId,
  context_window AS x_ContextWindow,
  inference_geo AS x_InferenceGeo,
  api_source AS x_ApiSource,
  invoice_month AS x_InvoiceMonth,
  cost_type AS x_CostType,
  credits AS x_Credits,
  list_cost IS NOT NULL AND list_cost_known AS x_ListCostKnown,
  IF(is_metered, consumed_quantity IS NOT NULL AND consumed_quantity_known, NULL) AS x_QuantityKnown,
  org_slug AS x_OrgSlug,
  run_id AS x_RunId,
  ingested_at AS x_IngestedAt,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN provider = 'gcp' THEN pricing_quantity IS NOT NULL AND pricing_quantity_known
    ELSE consumed_quantity IS NOT NULL
  END AS x_PricingQuantityKnown,
  subscription_id AS x_SubscriptionId,
  more_labels AS x_OtherTags
FROM charge;
