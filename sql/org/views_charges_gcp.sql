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
    IFNULL(LOWER(TRIM(cost_type)) IN ('tax', 'rounding_error'), FALSE) AS is_unpriced
  FROM org_dataset.gcp_billing_daily_raw
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
  FALSE AS priced_as_consumed,
  IFNULL(NULLIF(sku_id, ''), 'gcp/unknown') AS sku_id,
  CONCAT('|', CAST(price_tier_start_amount AS STRING)) AS sku_price_suffix,
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
  invoice_month,
  cost_type,
  credits,
  period_start,
  period_end,
  subscription_id,
  more_labels,
  -- Not told by Google Cloud
  CAST(NULL AS STRING) AS service_subcategory,
  CAST(NULL AS STRING) AS sku_meter,
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
  CAST(NULL AS STRING) AS api_source
FROM line;
