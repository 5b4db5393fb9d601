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
  x_QuantityKnown, x_OrgSlug, x_RunId, x_IngestedAt, x_PricingQuantityKnown, x_SubscriptionId, x_OtherTags,
  x_TokenDirection, x_TokenCacheAction, x_Speed
)
OPTIONS(description = 'Costs of all providers in the columns of FOCUS 1.4 with the names of 1.2, see docs/focus.md')
AS
WITH
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
      NULLIF(speed, '') AS speed,
      NULLIF(invoice_month, '') AS invoice_month,
      NULLIF(cost_type, '') AS cost_type,
      NULLIF(subscription_id, '') AS subscription_id,
      CASE
        WHEN NOT priced_as_consumed THEN pricing_quantity
        WHEN consumed_unit = 'Tokens' THEN CAST(consumed_quantity * NUMERIC '0.000001' AS NUMERIC)
        ELSE consumed_quantity
      END AS pricing_quantity,
      CASE
        WHEN NOT priced_as_consumed THEN NULLIF(pricing_unit, '')
        WHEN consumed_unit = 'Tokens' THEN '1000000 Tokens'
        ELSE NULLIF(consumed_unit, '')
      END AS pricing_unit,
      IF(priced_as_consumed, consumed_quantity_known, pricing_quantity_known) AS pricing_quantity_known
    ),
    charge_category = 'Usage' AND NOT is_correction AS is_metered,
    charge_category IN ('Usage', 'Purchase') AND NOT is_correction AS is_priced
  FROM org_dataset.charges
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
  IF(is_priced, IFNULL(pricing_quantity, 1), NULL) AS PricingQuantity,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN pricing_quantity IS NULL THEN 'Units'
    ELSE IFNULL(pricing_unit, 'Units')
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
  IF(is_priced, pricing_quantity IS NOT NULL AND pricing_quantity_known, NULL) AS x_PricingQuantityKnown,
  subscription_id AS x_SubscriptionId,
  more_labels AS x_OtherTags,
  token_direction AS x_TokenDirection,
  cache_action AS x_TokenCacheAction,
  speed AS x_Speed
FROM charge;
