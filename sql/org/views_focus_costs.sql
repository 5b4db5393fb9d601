-- What an org pays, of all providers, in FOCUS 1.4 columns: one row per raw cost row, none added and none lost.
-- docs/focus.md tells column by column how it is filled and what is not known.
--
-- A bound on x_UsageDate prunes the partitions of every table: it is the partitioning column itself, and a grouping key
-- where rows are grouped. A bound on ChargePeriodStart reads everything, since that is computed.
CREATE OR REPLACE VIEW org_dataset.focus_costs (
  BilledCost OPTIONS(description = 'What is paid: after credits and discounts, in BillingCurrency'),
  EffectiveCost OPTIONS(description = 'BilledCost: commitments are not amortised'),
  ListCost OPTIONS(description = 'At public prices; BilledCost or ContractedCost where x_ListCostKnown is false'),
  ContractedCost OPTIONS(description = 'At the prices of the contract, before credits and commitments'),
  BillingAccountId OPTIONS(description = 'Account that the provider bills; the slug of the org where it tells none'),
  BillingCurrency OPTIONS(description = 'ISO 4217 code of all costs of the row; XXX where none is told'),
  BillingPeriodStart OPTIONS(description = 'First instant of the UTC month of x_UsageDate'),
  BillingPeriodEnd OPTIONS(description = 'First instant of the month after'),
  ChargeCategory OPTIONS(description = 'Usage, Purchase, Tax, Credit or Adjustment'),
  ChargePeriodStart OPTIONS(description = 'Start of the UTC day, or of a charge that lasts longer. Read by x_UsageDate: a bound on this reads every day'),
  ChargePeriodEnd OPTIONS(description = 'End of that, exclusive'),
  InvoiceIssuerName OPTIONS(description = 'Who writes the invoice'),
  ServiceCategory OPTIONS(description = 'Category of the service in FOCUS, for Google Cloud assigned by us'),
  ServiceName OPTIONS(description = 'Name of the service'),
  ServiceProviderName OPTIONS(description = 'Who provides the service: the provider, or a third party that sells through it'),
  BillingAccountName OPTIONS(description = 'Not told by any provider'),
  ChargeClass OPTIONS(description = 'Correction, or NULL'),
  ChargeDescription OPTIONS(description = 'The words of the bill; for the analytics of Anthropic what is paid for'),
  HostProviderName OPTIONS(description = 'Where the service runs; NULL for an offer of a third party'),
  PricingQuantity OPTIONS(description = 'Quantity that is priced; 1 where x_PricingQuantityKnown is false'),
  PricingUnit OPTIONS(description = 'Unit of PricingQuantity in the unit format of FOCUS, e.g. 1000000 Tokens'),
  ProviderName OPTIONS(description = 'Provider; removed by FOCUS 1.4'),
  PublisherName OPTIONS(description = 'As ServiceProviderName; removed by FOCUS 1.4'),
  ConsumedQuantity OPTIONS(description = 'Quantity that was used; 1 where x_QuantityKnown is false'),
  ConsumedUnit OPTIONS(description = 'Unit of ConsumedQuantity in the unit format of FOCUS, e.g. Tokens'),
  SubAccountId OPTIONS(description = 'Project or workspace'),
  SubAccountName OPTIONS(description = 'Its name, the newest that is known, else its id'),
  SubAccountType OPTIONS(description = 'Project or Workspace'),
  ServiceSubcategory OPTIONS(description = 'Part of ServiceCategory, never NULL'),
  SkuId OPTIONS(description = 'What is sold. Composed by us for OpenAI and Anthropic'),
  SkuPriceId OPTIONS(description = 'What has one price: SkuId, and the price tier at Google. NULL where nothing is priced: tax, credits, corrections'),
  SkuMeter OPTIONS(description = 'What is metered, e.g. Output Tokens; the words of the bill where nothing else is known'),
  RegionId OPTIONS(description = 'Region of Google Cloud'),
  AvailabilityZone OPTIONS(description = 'Zone of Google Cloud'),
  ResourceId OPTIONS(description = 'Full name of the resource, or the commitment that a fee buys; detailed export only'),
  ResourceName OPTIONS(description = 'Its own name'),
  Tags OPTIONS(description = 'JSON object of labels and tags; the kinds but resource labels have prefixes'),
  x_UsageDate OPTIONS(description = 'UTC day, the partitioning column of the raw tables: read by it'),
  x_Provider OPTIONS(description = 'gcp, openai or anthropic'),
  x_Model OPTIONS(description = 'Name of the model'),
  x_TokenType OPTIONS(description = 'Kind of token, in the words of the provider'),
  x_ServiceTier OPTIONS(description = 'E.g. standard, batch, priority, flex'),
  x_ApiKeyId OPTIONS(description = 'API key that was used'),
  x_UserId OPTIONS(description = 'User id of OpenAI, where told'),
  x_ContextWindow OPTIONS(description = 'E.g. 0-200k, long'),
  x_InferenceGeo OPTIONS(description = 'Where Anthropic computes: global, us, not_available'),
  x_ApiSource OPTIONS(description = 'agents_api or unlabeled'),
  x_InvoiceMonth OPTIONS(description = 'YYYYMM of the invoice of Google, Pacific time'),
  x_CostType OPTIONS(description = 'Kind of cost in the words of the provider'),
  x_Credits OPTIONS(description = 'Credits within BilledCost, mostly below zero'),
  x_ListCostKnown OPTIONS(description = 'Whether every source row tells ListCost'),
  x_QuantityKnown OPTIONS(description = 'Whether ConsumedQuantity is told; NULL without one'),
  x_OrgSlug OPTIONS(description = 'The org'),
  x_RunId OPTIONS(description = 'Run that loaded the row'),
  x_IngestedAt OPTIONS(description = 'First start of that run'),
  x_PricingQuantityKnown OPTIONS(description = 'Whether PricingQuantity is told; NULL without one'),
  x_SubscriptionId OPTIONS(description = 'Commitment of Google, as told'),
  x_OtherTags OPTIONS(description = 'JSON array of labels that Tags cannot hold'),
  x_TokenDirection OPTIONS(description = 'Input or Output'),
  x_TokenCacheAction OPTIONS(description = 'Uncached, Read or Write, of input tokens'),
  x_Speed OPTIONS(description = 'standard or fast'),
  BillingAccountType OPTIONS(description = 'Billing Account of Google, else Organization'),
  ChargeFrequency OPTIONS(description = 'Usage-Based, Recurring (fees of commitments) or One-Time'),
  PricingCategory OPTIONS(description = 'Committed where a commitment covers the usage, Dynamic where the price may change (spot machines of Google), else Standard; NULL where nothing is priced'),
  ListUnitPrice OPTIONS(description = 'Public price of a PricingUnit where it is told and agrees with ListCost, else ListCost by PricingQuantity; NULL where x_PricingQuantityKnown is false'),
  ContractedUnitPrice OPTIONS(description = 'Price of the contract for a PricingUnit, in the same way, by ContractedCost'),
  SkuPriceDetails OPTIONS(description = 'JSON object: the properties of AI models that FOCUS 1.5 names, and x_ properties of the price'),
  RegionName OPTIONS(description = 'Name of the region, else its id'),
  ResourceType OPTIONS(description = 'Kind of resource, from its full name'),
  InvoiceId OPTIONS(description = 'Number of the one invoice that closed the month of the charge; NULL until then, for what was loaded after its copy, and where several invoices or late usage leave it open'),
  InvoiceDetailId OPTIONS(description = 'Not told by any provider'),
  PricingCurrency OPTIONS(description = 'ISO 4217 code in which prices are made: USD at Google, else BillingCurrency'),
  PricingCurrencyListUnitPrice OPTIONS(description = 'ListCost by PricingQuantity in PricingCurrency'),
  PricingCurrencyContractedUnitPrice OPTIONS(description = 'ContractedCost by PricingQuantity in PricingCurrency'),
  PricingCurrencyEffectiveCost OPTIONS(description = 'EffectiveCost in PricingCurrency'),
  CommitmentDiscountId OPTIONS(description = 'Commitment that a fee buys or that covers the usage, where told; of Google'),
  CommitmentDiscountName OPTIONS(description = 'Its name; not told'),
  CommitmentDiscountCategory OPTIONS(description = 'Spend or Usage'),
  CommitmentDiscountType OPTIONS(description = 'Spend-based or resource-based commitment'),
  CommitmentDiscountStatus OPTIONS(description = 'Used, of usage; Google tells no unused part apart from the fee'),
  CommitmentDiscountQuantity OPTIONS(description = 'Of Spend: cost at the price of the commitment; of Usage: quantity of the resource'),
  CommitmentDiscountUnit OPTIONS(description = 'Currency of the commitment, or unit of the resource'),
  CommitmentProgramEligibilityDetails OPTIONS(description = 'Not told by any provider'),
  CapacityReservationId OPTIONS(description = 'Not told in the export'),
  CapacityReservationStatus OPTIONS(description = 'Not told in the export'),
  ContractApplied OPTIONS(description = 'Not told by any provider'),
  AllocatedMethodId OPTIONS(description = 'No costs are split here'),
  AllocatedMethodDetails OPTIONS(description = 'No costs are split here'),
  AllocatedResourceId OPTIONS(description = 'No costs are split here'),
  AllocatedResourceName OPTIONS(description = 'No costs are split here'),
  AllocatedTags OPTIONS(description = 'No costs are split here'),
  x_ApiKeyName OPTIONS(description = 'Name of the API key, the newest that is known; NULL where none is')
)
OPTIONS(description = 'Costs of all providers in the columns of FOCUS each_focus_version with the names of 1.2, see docs/focus.md')
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
      NULLIF(sku_meter, '') AS sku_meter,
      NULLIF(region_id, '') AS region_id,
      NULLIF(availability_zone, '') AS availability_zone,
      NULLIF(resource_id, '') AS resource_id,
      NULLIF(resource_name, '') AS resource_name,
      NULLIF(region_name, '') AS region_name,
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
      NULLIF(commitment_id, '') AS commitment_id,
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
),
amount AS (
  SELECT
    *,
    IFNULL(list_cost, contracted_cost) AS list_amount,
    IF(is_priced, IFNULL(pricing_quantity, 1), NULL) AS priced_quantity,
    IF(is_priced AND pricing_quantity_known, pricing_quantity, NULL) AS told_quantity,
    CASE
      WHEN NOT is_priced THEN NULL
      WHEN pricing_quantity IS NULL THEN 'Units'
      ELSE IFNULL(pricing_unit, 'Units')
    END AS priced_unit,
    CONCAT(sku_id, IFNULL(sku_price_suffix, '')) AS sku_price_id,
    charge_category = 'Purchase' AND commitment_id IS NOT NULL AS is_purchased,
    IF(charge_category IN ('Usage', 'Purchase'), commitment_id, NULL) AS commitment_key,
    IF(pricing_currency IS NULL, NUMERIC '1', pricing_currency_rate) AS currency_rate
  FROM charge
),
price AS (
  SELECT
    *,
    -- A quantity that stands in for an unknown one, or is of some rows alone, makes no price.
    CAST(SAFE_DIVIDE(list_amount, told_quantity) AS NUMERIC) AS list_price,
    CAST(SAFE_DIVIDE(contracted_cost, told_quantity) AS NUMERIC) AS contracted_price,
    IF(is_purchased, commitment_id, IFNULL(resource_id, resource_name)) AS resource_key,
    IF(commitment_key IS NOT NULL AND is_priced, commitment_quantity, NULL) AS commitment_amount,
    [
      IF(model_developer IS NULL, NULL, CONCAT('"ModelDeveloper":', TO_JSON_STRING(model_developer))),
      IF(model_family IS NULL, NULL, CONCAT('"ModelFamily":', TO_JSON_STRING(model_family))),
      IF(model IS NULL, NULL, CONCAT('"ModelId":', TO_JSON_STRING(model))),
      IF(model_version IS NULL, NULL, CONCAT('"ModelVersion":', TO_JSON_STRING(model_version))),
      IF(token_direction IS NULL, NULL, CONCAT('"TokenDirection":', TO_JSON_STRING(token_direction))),
      IF(cache_action IS NULL, NULL, CONCAT('"TokenCacheAction":', TO_JSON_STRING(cache_action))),
      IF(service_tier IS NULL, NULL, CONCAT('"x_ServiceTier":', TO_JSON_STRING(service_tier))),
      IF(context_window IS NULL, NULL, CONCAT('"x_ContextWindow":', TO_JSON_STRING(context_window))),
      IF(inference_geo IS NULL, NULL, CONCAT('"x_InferenceGeo":', TO_JSON_STRING(inference_geo))),
      IF(speed IS NULL, NULL, CONCAT('"x_Speed":', TO_JSON_STRING(speed)))
    ] AS details
  FROM amount
),
-- Names: one row for each id, so that no charge is counted twice whatever the lists have told.
sub_account AS (
  SELECT
    provider AS of_provider,
    kind AS of_kind,
    id AS of_id,
    ARRAY_AGG(name IGNORE NULLS ORDER BY observed_at DESC, name LIMIT 1)[SAFE_OFFSET(0)] AS newest
  FROM org_dataset.provider_name_changes
  WHERE kind IN ('project', 'workspace')
  GROUP BY provider, kind, id
),
api_key AS (
  SELECT
    provider AS of_provider,
    id AS of_id,
    ARRAY_AGG(name IGNORE NULLS ORDER BY observed_at DESC, name LIMIT 1)[SAFE_OFFSET(0)] AS newest
  FROM org_dataset.provider_name_changes
  WHERE kind = 'api_key'
  GROUP BY provider, id
),
-- Months that are closed with one invoice, which has all of their copy: not one of several, since nobody tells which charge
-- is on which, nor one that lacks what is billed later.
invoiced AS (
  SELECT
    org_slug AS of_org,
    provider AS of_provider,
    invoice_month AS of_month,
    currency AS of_currency,
    ARRAY_AGG(
      STRUCT(
        made_at AS made_at,
        IF(
          STRPOS(invoices, ',') > 0
          OR IFNULL(billed_later_credits, 0) != 0
          OR EXISTS(SELECT 1 FROM UNNEST(parts) AS part WHERE part.name = 'billed_later'),
          NULL,
          invoices
        ) AS invoice
      )
      ORDER BY made_at, run_id LIMIT 1
    )[OFFSET(0)] AS first_copy
  FROM org_dataset.month_closes
  WHERE status = 'closed'
  GROUP BY org_slug, provider, invoice_month, currency
)
SELECT
  -- Mandatory in FOCUS, never NULL
  billed_cost AS BilledCost,
  billed_cost AS EffectiveCost,
  list_amount AS ListCost,
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
  -- Mandatory in FOCUS, may be NULL
  CAST(NULL AS STRING) AS BillingAccountName,
  IF(is_correction, 'Correction', NULL) AS ChargeClass,
  charge_description AS ChargeDescription,
  IF(seller_name IS NULL, provider_name, NULL) AS HostProviderName,
  priced_quantity AS PricingQuantity,
  priced_unit AS PricingUnit,
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
  IF(sub_account_id IS NULL, NULL, COALESCE(sub_account_name, sub_account.newest, sub_account_id)) AS SubAccountName,
  IF(sub_account_id IS NULL, NULL, sub_account_type) AS SubAccountType,
  IFNULL(service_subcategory, CONCAT('Other (', service_category, ')')) AS ServiceSubcategory,
  IF(charge_category = 'Tax' OR (charge_category = 'Credit' AND sku_meter IS NULL), NULL, sku_id) AS SkuId,
  IF(is_priced, sku_price_id, NULL) AS SkuPriceId,
  CASE
    WHEN charge_category = 'Tax' THEN NULL
    WHEN charge_category = 'Credit' THEN sku_meter
    ELSE IFNULL(sku_meter, charge_description)
  END AS SkuMeter,
  region_id AS RegionId,
  availability_zone AS AvailabilityZone,
  resource_key AS ResourceId,
  IF(resource_id IS NULL, NULL, NULLIF(resource_name, resource_key)) AS ResourceName,
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
  IF(is_priced, told_quantity IS NOT NULL, NULL) AS x_PricingQuantityKnown,
  subscription_id AS x_SubscriptionId,
  more_labels AS x_OtherTags,
  token_direction AS x_TokenDirection,
  cache_action AS x_TokenCacheAction,
  speed AS x_Speed,
  -- Conditional and recommended, from the second version of this view on
  IF(billing_account_id IS NULL, 'Organization', billing_account_type) AS BillingAccountType,
  CASE charge_category WHEN 'Usage' THEN 'Usage-Based' WHEN 'Purchase' THEN 'Recurring' ELSE 'One-Time' END AS ChargeFrequency,
  CASE
    WHEN NOT is_priced THEN NULL
    WHEN is_committed THEN 'Committed'
    WHEN is_dynamic THEN 'Dynamic'
    ELSE 'Standard'
  END AS PricingCategory,
  CASE
    WHEN list_price < 0 THEN NULL
    WHEN ABS(list_unit_price - list_price) <= CAST(list_unit_price * NUMERIC '0.000001' AS NUMERIC) THEN list_unit_price
    ELSE list_price
  END AS ListUnitPrice,
  CASE
    WHEN contracted_price < 0 THEN NULL
    WHEN ABS(contracted_unit_price - contracted_price) <= CAST(contracted_unit_price * NUMERIC '0.000001' AS NUMERIC)
      THEN contracted_unit_price
    ELSE contracted_price
  END AS ContractedUnitPrice,
  IF(is_priced, NULLIF(CONCAT('{', ARRAY_TO_STRING(details, ','), '}'), '{}'), NULL) AS SkuPriceDetails,
  IF(region_id IS NULL, NULL, IFNULL(region_name, region_id)) AS RegionName,
  CASE WHEN resource_key IS NULL THEN NULL WHEN is_purchased THEN commitment_type ELSE resource_type END AS ResourceType,
  -- What was loaded after the copy may be on another invoice.
  IF(ingested_at <= invoiced.first_copy.made_at, invoiced.first_copy.invoice, NULL) AS InvoiceId,
  CAST(NULL AS STRING) AS InvoiceDetailId,
  COALESCE(pricing_currency, UPPER(currency), 'XXX') AS PricingCurrency,
  CAST(SAFE_DIVIDE(IF(list_price < 0, NULL, list_price), currency_rate) AS NUMERIC) AS PricingCurrencyListUnitPrice,
  CAST(SAFE_DIVIDE(IF(contracted_price < 0, NULL, contracted_price), currency_rate) AS NUMERIC) AS PricingCurrencyContractedUnitPrice,
  CAST(SAFE_DIVIDE(billed_cost, currency_rate) AS NUMERIC) AS PricingCurrencyEffectiveCost,
  commitment_key AS CommitmentDiscountId,
  IF(commitment_key IS NULL, NULL, commitment_name) AS CommitmentDiscountName,
  IF(commitment_key IS NULL, NULL, commitment_category) AS CommitmentDiscountCategory,
  IF(commitment_key IS NULL, NULL, commitment_type) AS CommitmentDiscountType,
  IF(commitment_key IS NOT NULL AND charge_category = 'Usage', 'Used', NULL) AS CommitmentDiscountStatus,
  commitment_amount AS CommitmentDiscountQuantity,
  IF(commitment_amount IS NULL, NULL, COALESCE(commitment_unit, priced_unit, 'Units')) AS CommitmentDiscountUnit,
  CAST(NULL AS STRING) AS CommitmentProgramEligibilityDetails,
  CAST(NULL AS STRING) AS CapacityReservationId,
  CAST(NULL AS STRING) AS CapacityReservationStatus,
  CAST(NULL AS STRING) AS ContractApplied,
  CAST(NULL AS STRING) AS AllocatedMethodId,
  CAST(NULL AS STRING) AS AllocatedMethodDetails,
  CAST(NULL AS STRING) AS AllocatedResourceId,
  CAST(NULL AS STRING) AS AllocatedResourceName,
  CAST(NULL AS STRING) AS AllocatedTags,
  -- Ours, from the third version of this view on
  api_key.newest AS x_ApiKeyName
FROM price
LEFT JOIN sub_account
  ON sub_account.of_provider = provider AND sub_account.of_kind = LOWER(sub_account_type) AND sub_account.of_id = sub_account_id
LEFT JOIN api_key ON api_key.of_provider = provider AND api_key.of_id = api_key_id
LEFT JOIN invoiced
  ON invoiced.of_org = org_slug
  AND invoiced.of_provider = provider
  AND invoiced.of_month = IFNULL(invoice_month, FORMAT_DATE('%Y%m', usage_date))
  AND invoiced.of_currency = IFNULL(UPPER(currency), 'XXX');
