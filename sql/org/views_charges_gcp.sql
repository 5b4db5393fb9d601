-- Charges of Google Cloud: one row per raw row. The columns are those of views_charges.sql.
CREATE OR REPLACE VIEW org_dataset.charges_gcp
OPTIONS(description = 'Charges of Google Cloud, a part of charges: see docs/focus.md')
AS
WITH
line AS (
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
    IFNULL(LOWER(TRIM(cost_type)) IN ('tax', 'rounding_error'), FALSE) AS is_unpriced,
    -- '1000000 count', 'gibibyte month': a number, a noun and a span of time
    REGEXP_EXTRACT(LOWER(TRIM(pricing_unit)), r'^([0-9]+ )') AS pricing_number,
    REGEXP_EXTRACT(LOWER(TRIM(pricing_unit)), r'^(?:[0-9]+ )?([a-z]+?)s?(?: [a-z]+)?$') AS pricing_noun,
    REGEXP_EXTRACT(LOWER(TRIM(pricing_unit)), r'byte ([a-z]+?)s?$') AS pricing_span,
    IFNULL(
      REGEXP_CONTAINS(
        LOWER(TRIM(pricing_unit)),
        r'^([0-9]+ )?(byte|kibibyte|mebibyte|gibibyte|tebibyte|pebibyte)( (second|minute|hour|day|month|year)s?)?$'
      )
      OR REGEXP_CONTAINS(
        LOWER(TRIM(pricing_unit)),
        r'^([0-9]+ )?(count|requests?|h|mo|seconds?|minutes?|hours?|days?|months?|years?)$'
      ),
      FALSE
    ) AS is_plain_unit
  FROM org_dataset.gcp_billing_daily_raw
),
committed AS (
  -- Covered usage has the credit for it in the older model, and in the newer a price of its own and the commitment's name.
  SELECT
    *,
    NOT is_fee AND NOT is_unpriced AND (
      IFNULL(commitment_credits, 0) != 0 OR (NULLIF(subscription_id, '') IS NOT NULL AND IFNULL(
        LOWER(consumption_model_description) != 'default', FALSE
      ))
    ) AS is_covered,
    IF(
      is_fee OR (NULLIF(subscription_id, '') IS NOT NULL AND (
        IFNULL(commitment_credits, 0) != 0 OR IFNULL(LOWER(consumption_model_description) != 'default', FALSE)
      )),
      NULLIF(subscription_id, ''),
      NULL
    ) AS commitment_id,
    IFNULL(
      REGEXP_CONTAINS(LOWER(sku_description), r'^commitment\b')
      AND NOT REGEXP_CONTAINS(LOWER(sku_description), r'\bdollar based\b'),
      FALSE
    ) AS is_of_resources
  FROM line
)
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
  -- Ours too, of what each service mainly is. The others are of none that FOCUS names.
  CASE
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud Functions|Cloud Run( Functions)?|App Engine)$') THEN 'Serverless Compute'
    WHEN REGEXP_CONTAINS(service_description, r'^(Kubernetes Engine)$') THEN 'Containers'
    WHEN REGEXP_CONTAINS(service_description, r'^(Batch|Compute Engine|VMware Engine)$') THEN 'Virtual Machines'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud Storage)$') THEN 'Object Storage'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud Filestore|NetApp Volumes)$') THEN 'File Storage'
    WHEN REGEXP_CONTAINS(service_description, r'^(Backup and DR Service|Backup for GKE)$') THEN 'Backup Storage'
    WHEN REGEXP_CONTAINS(service_description, r'^(AlloyDB|Cloud (Spanner|SQL))$') THEN 'Relational Databases'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud (Bigtable|Datastore|Firestore))$') THEN 'NoSQL Databases'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud Memorystore( for Redis)?)$') THEN 'Caching'
    WHEN REGEXP_CONTAINS(service_description, r'^(BigQuery.*)$') THEN 'Analytics Platforms'
    WHEN REGEXP_CONTAINS(service_description, r'^(Looker|Looker Studio)$') THEN 'Business Intelligence'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud (Composer|Data Fusion|Dataflow|Dataproc))$') THEN 'Data Processing'
    WHEN REGEXP_CONTAINS(service_description, r'^(Vertex AI)$') THEN 'AI Platforms'
    WHEN REGEXP_CONTAINS(service_description, r'^(Gemini API)$') THEN 'Generative AI'
    WHEN REGEXP_CONTAINS(service_description, r'^(Translate|Cloud Natural Language API)$') THEN 'Natural Language Processing'
    WHEN REGEXP_CONTAINS(service_description, r'^(Dialogflow API)$') THEN 'Bots'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud CDN)$') THEN 'Content Delivery'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud VPN)$') THEN 'Network Connectivity'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud DNS)$') THEN 'Network Routing'
    WHEN REGEXP_CONTAINS(service_description, r'^(Secret Manager)$') THEN 'Secret Management'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud (Pub/Sub|Tasks)|Eventarc)$') THEN 'Messaging'
    WHEN REGEXP_CONTAINS(service_description, r'^(Workflows|Cloud Scheduler)$') THEN 'Workflow Orchestration'
    WHEN REGEXP_CONTAINS(service_description, r'^(Apigee)$') THEN 'API Management'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud (Build|Deploy))$') THEN 'Continuous Integration and Deployment'
    WHEN REGEXP_CONTAINS(service_description, r'^(Cloud Logging|Cloud Monitoring)$') THEN 'Observability'
    WHEN REGEXP_CONTAINS(service_description, r'^(Support)$') THEN 'Support'
  END AS service_subcategory,
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
  -- In the unit format of FOCUS, where we know what Google's word means
  CASE LOWER(TRIM(usage_unit))
    WHEN 'seconds' THEN 'Seconds'
    WHEN 'bytes' THEN 'B'
    WHEN 'byte-seconds' THEN 'B-Seconds'
    WHEN 'requests' THEN 'Requests'
    WHEN 'count' THEN 'Count'
    ELSE usage_unit
  END AS consumed_unit,
  usage_amount_in_pricing_units AS pricing_quantity,
  IF(
    NOT is_plain_unit,
    pricing_unit,
    CONCAT(
      IFNULL(pricing_number, ''),
      CASE pricing_noun
        WHEN 'byte' THEN 'B'
        WHEN 'kibibyte' THEN 'KiB'
        WHEN 'mebibyte' THEN 'MiB'
        WHEN 'gibibyte' THEN 'GiB'
        WHEN 'tebibyte' THEN 'TiB'
        WHEN 'pebibyte' THEN 'PiB'
        WHEN 'count' THEN 'Count'
        WHEN 'request' THEN 'Requests'
        WHEN 'h' THEN 'Hours'
        WHEN 'mo' THEN 'Months'
        WHEN 'second' THEN 'Seconds'
        WHEN 'minute' THEN 'Minutes'
        WHEN 'hour' THEN 'Hours'
        WHEN 'day' THEN 'Days'
        WHEN 'month' THEN 'Months'
        WHEN 'year' THEN 'Years'
      END,
      CASE pricing_span
        WHEN 'second' THEN '-Seconds'
        WHEN 'minute' THEN '-Minutes'
        WHEN 'hour' THEN '-Hours'
        WHEN 'day' THEN '-Days'
        WHEN 'month' THEN '-Months'
        WHEN 'year' THEN '-Years'
        ELSE ''
      END
    )
  ) AS pricing_unit,
  usage_amount_known IS NOT FALSE AS consumed_quantity_known,
  pricing_amount_known IS NOT FALSE AS pricing_quantity_known,
  FALSE AS priced_as_consumed,
  IFNULL(NULLIF(sku_id, ''), 'gcp/unknown') AS sku_id,
  CONCAT('|', CAST(price_tier_start_amount AS STRING)) AS sku_price_suffix,
  -- Google names no meter: what its base unit counts, and of charges without one the SKU's own words
  CASE LOWER(TRIM(IFNULL(NULLIF(usage_unit, ''), pricing_unit)))
    WHEN 'seconds' THEN 'Duration'
    WHEN 'bytes' THEN 'Data Volume'
    WHEN 'byte-seconds' THEN 'Data Stored'
    WHEN 'requests' THEN 'Requests'
    WHEN 'count' THEN 'Count'
    WHEN 'hour' THEN 'Duration'
    ELSE sku_description
  END AS sku_meter,
  region AS region_id,
  CASE region
    WHEN 'us-central1' THEN 'Iowa'
    WHEN 'us-east1' THEN 'South Carolina'
    WHEN 'us-east4' THEN 'Northern Virginia'
    WHEN 'us-east5' THEN 'Columbus'
    WHEN 'us-south1' THEN 'Dallas'
    WHEN 'us-west1' THEN 'Oregon'
    WHEN 'us-west2' THEN 'Los Angeles'
    WHEN 'us-west3' THEN 'Salt Lake City'
    WHEN 'us-west4' THEN 'Las Vegas'
    WHEN 'northamerica-northeast1' THEN 'Montréal'
    WHEN 'northamerica-northeast2' THEN 'Toronto'
    WHEN 'northamerica-south1' THEN 'Mexico'
    WHEN 'southamerica-east1' THEN 'São Paulo'
    WHEN 'southamerica-west1' THEN 'Santiago'
    WHEN 'europe-central2' THEN 'Warsaw'
    WHEN 'europe-north1' THEN 'Finland'
    WHEN 'europe-north2' THEN 'Stockholm'
    WHEN 'europe-southwest1' THEN 'Madrid'
    WHEN 'europe-west1' THEN 'Belgium'
    WHEN 'europe-west2' THEN 'London'
    WHEN 'europe-west3' THEN 'Frankfurt'
    WHEN 'europe-west4' THEN 'Netherlands'
    WHEN 'europe-west6' THEN 'Zurich'
    WHEN 'europe-west8' THEN 'Milan'
    WHEN 'europe-west9' THEN 'Paris'
    WHEN 'europe-west10' THEN 'Berlin'
    WHEN 'europe-west12' THEN 'Turin'
    WHEN 'asia-east1' THEN 'Taiwan'
    WHEN 'asia-east2' THEN 'Hong Kong'
    WHEN 'asia-northeast1' THEN 'Tokyo'
    WHEN 'asia-northeast2' THEN 'Osaka'
    WHEN 'asia-northeast3' THEN 'Seoul'
    WHEN 'asia-south1' THEN 'Mumbai'
    WHEN 'asia-south2' THEN 'Delhi'
    WHEN 'asia-southeast1' THEN 'Singapore'
    WHEN 'asia-southeast2' THEN 'Jakarta'
    WHEN 'australia-southeast1' THEN 'Sydney'
    WHEN 'australia-southeast2' THEN 'Melbourne'
    WHEN 'me-central1' THEN 'Doha'
    WHEN 'me-central2' THEN 'Dammam'
    WHEN 'me-west1' THEN 'Tel Aviv'
    WHEN 'africa-south1' THEN 'Johannesburg'
    ELSE region
  END AS region_name,
  zone AS availability_zone,
  resource_global_name AS resource_id,
  resource_name,
  -- The collection that the resource's full name says it is in: compute.googleapis.com/instances
  IFNULL(
    CONCAT(
      REGEXP_EXTRACT(resource_global_name, r'^//([^/]+)/'),
      '/',
      REGEXP_EXTRACT(resource_global_name, r'^//.+/([^/]+)/[^/]+$')
    ),
    CONCAT(IFNULL(NULLIF(service_description, ''), 'Unknown'), ' resource')
  ) AS resource_type,
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
  invoice_month,
  cost_type,
  credits,
  period_start,
  period_end,
  subscription_id,
  more_labels,
  'Billing Account' AS billing_account_type,
  IF(is_fee, 0, CAST(SAFE_DIVIDE(list_price, IFNULL(price_unit_quantity, NUMERIC '1')) AS NUMERIC)) AS list_unit_price,
  IF(
    is_fee, 0, CAST(SAFE_DIVIDE(effective_price, IFNULL(price_unit_quantity, NUMERIC '1')) AS NUMERIC)
  ) AS contracted_unit_price,
  -- Google prices in US dollars; an amount divided by the rate is one.
  IF(currency_conversion_rate > 0, 'USD', NULL) AS pricing_currency,
  IF(currency_conversion_rate > 0, CAST(currency_conversion_rate AS NUMERIC), NULL) AS pricing_currency_rate,
  is_covered AS is_committed,
  -- Spot and preemptible machines, whose price Google changes as it likes; not what others sell under such a name
  NOT is_fee
    AND NOT STARTS_WITH(UPPER(IFNULL(transaction_type, '')), 'THIRD_PARTY')
    AND IFNULL(REGEXP_CONTAINS(sku_description, r'(?i)^spot\b|\bpreemptible\b'), FALSE) AS is_dynamic,
  commitment_id,
  CAST(NULL AS STRING) AS commitment_name,
  IF(is_of_resources, 'Usage', 'Spend') AS commitment_category,
  IF(is_of_resources, 'Resource-based commitment', 'Spend-based commitment') AS commitment_type,
  -- Hours of a resource, or what is committed to be spent, at its own price
  IF(is_of_resources, usage_amount_in_pricing_units, cost) AS commitment_quantity,
  IF(is_of_resources, NULL, UPPER(currency)) AS commitment_unit,
  -- Not told by Google Cloud
  CAST(NULL AS STRING) AS model,
  CAST(NULL AS STRING) AS token_type,
  CAST(NULL AS STRING) AS token_direction,
  CAST(NULL AS STRING) AS cache_action,
  CAST(NULL AS STRING) AS service_tier,
  CAST(NULL AS STRING) AS api_key_id,
  CAST(NULL AS STRING) AS user_id,
  CAST(NULL AS STRING) AS context_window,
  CAST(NULL AS STRING) AS inference_geo,
  CAST(NULL AS STRING) AS speed,
  CAST(NULL AS STRING) AS api_source,
  CAST(NULL AS STRING) AS model_developer,
  CAST(NULL AS STRING) AS model_family,
  CAST(NULL AS STRING) AS model_version
FROM committed;
