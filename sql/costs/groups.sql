-- Costs of an org by period and group, and how far their days have come: one statement, so that both are of one moment.
-- docs/costs.md tells what the rows say.
--
-- A line that ends in `-- with WORD` is part of a question that has this word, and of no other; the place of the filters
-- has the lines of filters.sql, that of the labels the rules of the org's labels (cloudact/costs/label_sql.py). Words and
-- lines are our own: nothing that anybody has sent is put into SQL.
--
-- @first_day DATE: first UTC day whose partitions are read
-- @last_day DATE: last one
-- @counted_from DATE: first day that counts, of the period before if the question compares
-- @start DATE: first day of the question; what is before it is of the period before
-- @end DATE: last day of the question
-- @previous_end DATE: last day of the period before -- with previous_month
-- @group_limit INT64: groups that are told one by one; the others are one row
-- @row_limit INT64: rows that are answered at most
WITH
charge AS (
  SELECT
    x_UsageDate AS counted_on, -- with usage
    IFNULL(SAFE.PARSE_DATE('%Y%m', x_InvoiceMonth), DATE_TRUNC(x_UsageDate, MONTH)) AS counted_on, -- with invoice_month
    BillingCurrency AS currency, -- with money
    CAST(NULL AS STRING) AS unit, -- with money
    BilledCost AS amount, -- with billed
    EffectiveCost AS amount, -- with effective
    ListCost AS amount, -- with list
    ContractedCost AS amount, -- with contracted
    CAST(NULL AS STRING) AS currency, -- with consumed
    ConsumedUnit AS unit, -- with consumed
    ConsumedQuantity AS amount, -- with consumed
    x_TokenDirection AS token_direction, -- with tokens
    x_TokenCacheAction AS token_cache_action, -- with tokens
    IF(ConsumedUnit = 'Tokens' AND x_QuantityKnown, ConsumedQuantity, NULL) AS tokens, -- with tokens
    SubAccountName AS sub_account_name, -- with by_sub_account
    x_ApiKeyName AS api_key_name, -- with by_api_key
    RegionName AS region_name, -- with by_region
    ChargeDescription AS sku_name, -- with by_sku
    x_Provider AS provider, -- with by_provider
    ServiceName AS service, -- with by_service
    x_Model AS model, -- with by_model
    x_TokenType AS token_type, -- with by_token_type
    SubAccountId AS sub_account, -- with by_sub_account
    x_ApiKeyId AS api_key, -- with by_api_key
    RegionId AS region, -- with by_region
    SkuId AS sku, -- with by_sku
    JSON_VALUE(Tags, @by_tag_1_path) AS tag_1, -- with by_tag_1
    JSON_VALUE(Tags, @by_tag_2_path) AS tag_2, -- with by_tag_2
    JSON_VALUE(Tags, @by_tag_3_path) AS tag_3, -- with by_tag_3
    -- the labels
    x_UsageDate AS usage_date
  FROM focus_costs
  WHERE
    x_UsageDate BETWEEN @first_day AND @last_day
    AND (ConsumedUnit = 'Tokens' OR x_TokenType IS NOT NULL) -- with tokens
    -- the filters
),
-- A charge that a rule shares out is a row for each share: the difference of the amounts up to its bounds, each rounded
-- once, so that the parts are the charge to the last digit, and none has another sign.
label_part AS ( -- with labels
  SELECT -- with labels
    CAST(JSON_VALUE(part, '$.label') AS INT64) AS label, -- with labels
    CAST(JSON_VALUE(part, '$.rule') AS INT64) AS rule, -- with labels
    JSON_VALUE(part, '$.value') AS value, -- with labels
    CAST(JSON_VALUE(part, '$.since') AS NUMERIC) AS since, -- with labels
    CAST(JSON_VALUE(part, '$.upto') AS NUMERIC) AS upto -- with labels
  FROM UNNEST(@label_parts) AS part -- with labels
), -- with labels
labelled_1 AS ( -- with label_1
  SELECT -- with label_1
    charge.* REPLACE ( -- with label_1
      CAST(charge.tokens * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.tokens * IFNULL(part.since, 0) AS NUMERIC) AS tokens, -- with label_1_tokens
      CAST(charge.amount * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.amount * IFNULL(part.since, 0) AS NUMERIC) AS amount -- with label_1
    ), -- with label_1
    part.value AS label_1 -- with label_1
  FROM charge AS charge -- with label_1
  LEFT JOIN label_part AS part ON part.label = 1 AND part.rule = charge.label_1_rule -- with label_1
), -- with label_1
labelled_2 AS ( -- with label_2
  SELECT -- with label_2
    charge.* REPLACE ( -- with label_2
      CAST(charge.tokens * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.tokens * IFNULL(part.since, 0) AS NUMERIC) AS tokens, -- with label_2_tokens
      CAST(charge.amount * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.amount * IFNULL(part.since, 0) AS NUMERIC) AS amount -- with label_2
    ), -- with label_2
    part.value AS label_2 -- with label_2
  FROM labelled_1 AS charge -- with label_2
  LEFT JOIN label_part AS part ON part.label = 2 AND part.rule = charge.label_2_rule -- with label_2
), -- with label_2
labelled_3 AS ( -- with label_3
  SELECT -- with label_3
    charge.* REPLACE ( -- with label_3
      CAST(charge.tokens * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.tokens * IFNULL(part.since, 0) AS NUMERIC) AS tokens, -- with label_3_tokens
      CAST(charge.amount * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.amount * IFNULL(part.since, 0) AS NUMERIC) AS amount -- with label_3
    ), -- with label_3
    part.value AS label_3 -- with label_3
  FROM labelled_2 AS charge -- with label_3
  LEFT JOIN label_part AS part ON part.label = 3 AND part.rule = charge.label_3_rule -- with label_3
), -- with label_3
amount_by_period AS (
  SELECT
    currency,
    unit,
    TO_JSON_STRING(STRUCT(
      provider AS provider, -- with by_provider
      service AS service, -- with by_service
      model AS model, -- with by_model
      token_type AS token_type, -- with by_token_type
      sub_account AS sub_account, -- with by_sub_account
      api_key AS api_key, -- with by_api_key
      region AS region, -- with by_region
      sku AS sku, -- with by_sku
      tag_1 AS tag_1, -- with by_tag_1
      tag_2 AS tag_2, -- with by_tag_2
      tag_3 AS tag_3, -- with by_tag_3
      label_1 AS label_1, -- with by_label_1
      label_2 AS label_2, -- with by_label_2
      label_3 AS label_3, -- with by_label_3
      'costs' AS what
    )) AS group_key,
    COALESCE(
      provider, -- with by_provider
      service, -- with by_service
      model, -- with by_model
      token_type, -- with by_token_type
      sub_account, -- with by_sub_account
      api_key, -- with by_api_key
      region, -- with by_region
      sku, -- with by_sku
      tag_1, -- with by_tag_1
      tag_2, -- with by_tag_2
      tag_3, -- with by_tag_3
      label_1, -- with by_label_1
      label_2, -- with by_label_2
      label_3, -- with by_label_3
      CAST(NULL AS STRING)
    ) IS NULL AS is_unattributed,
    TO_JSON_STRING(STRUCT(
      MAX(sub_account_name) AS sub_account, -- with by_sub_account
      MAX(api_key_name) AS api_key, -- with by_api_key
      MAX(region_name) AS region, -- with by_region
      MAX(sku_name) AS sku, -- with by_sku
      MAX(token_direction) AS token_direction, -- with tokens
      MAX(token_cache_action) AS token_cache_action, -- with tokens
      'names' AS what
    )) AS names,
    counted_on < @start AS is_previous,
    IF(counted_on < @start, NULL, counted_on) AS period_start, -- with day
    IF(counted_on < @start, NULL, DATE_TRUNC(counted_on, ISOWEEK)) AS period_start, -- with week
    IF(counted_on < @start, NULL, DATE_TRUNC(counted_on, MONTH)) AS period_start, -- with month
    IF(counted_on < @start, NULL, @start) AS period_start, -- with whole
    SUM(tokens) AS tokens, -- with tokens
    SUM(IF(tokens IS NULL, 0, amount)) AS token_amount, -- with tokens
    SUM(amount) AS amount
  FROM charge -- with unlabelled
  FROM labelled_1 -- with of_1_labels
  FROM labelled_2 -- with of_2_labels
  FROM labelled_3 -- with of_3_labels
  WHERE
    counted_on BETWEEN @counted_from AND @end
    AND (counted_on >= @start OR counted_on <= @previous_end) -- with previous_month
    AND amount IS NOT NULL
    AND IFNULL(label_1, '') IN UNNEST(@only_label_1) -- with only_label_1
    AND IFNULL(label_1, '') NOT IN UNNEST(@not_only_label_1) -- with not_only_label_1
    AND IFNULL(label_2, '') IN UNNEST(@only_label_2) -- with only_label_2
    AND IFNULL(label_2, '') NOT IN UNNEST(@not_only_label_2) -- with not_only_label_2
    AND IFNULL(label_3, '') IN UNNEST(@only_label_3) -- with only_label_3
    AND IFNULL(label_3, '') NOT IN UNNEST(@not_only_label_3) -- with not_only_label_3
  GROUP BY
    currency,
    unit,
    provider, -- with by_provider
    service, -- with by_service
    model, -- with by_model
    token_type, -- with by_token_type
    sub_account, -- with by_sub_account
    api_key, -- with by_api_key
    region, -- with by_region
    sku, -- with by_sku
    tag_1, -- with by_tag_1
    tag_2, -- with by_tag_2
    tag_3, -- with by_tag_3
    label_1, -- with by_label_1
    label_2, -- with by_label_2
    label_3, -- with by_label_3
    is_previous,
    period_start
),
amount_with_sums AS (
  SELECT
    *,
    SUM(IF(is_previous, 0, amount)) OVER (PARTITION BY currency, unit, group_key) AS group_amount,
    SUM(IF(is_previous, amount, 0)) OVER (PARTITION BY currency, unit, group_key) AS previous_amount
  FROM amount_by_period
),
-- Large credits, and what has vanished since the period before, are as telling as large costs.
ranked AS (
  SELECT
    *,
    DENSE_RANK() OVER (
      PARTITION BY currency, unit, is_unattributed
      ORDER BY GREATEST(ABS(group_amount), ABS(previous_amount)) DESC, group_key
    ) AS place
  FROM amount_with_sums
),
shown AS (
  SELECT
    *,
    is_unattributed OR place <= @group_limit AS is_told,
    MAX(IF(is_unattributed, 0, place)) OVER (PARTITION BY currency, unit) AS group_count
  FROM ranked
)
SELECT
  'amount' AS part,
  currency,
  unit,
  IF(is_told, place, NULL) AS place,
  IF(is_told, is_unattributed, FALSE) AS is_unattributed,
  MAX(IF(is_told, group_key, NULL)) AS group_key,
  MAX(IF(is_told, names, NULL)) AS names,
  is_previous,
  period_start,
  SUM(amount) AS amount,
  MAX(group_count) AS group_count,
  SUM(tokens) AS tokens, -- with tokens
  SUM(token_amount) AS token_amount, -- with tokens
  CAST(NULL AS STRING) AS provider,
  CAST(NULL AS DATE) AS usage_date,
  CAST(NULL AS STRING) AS settledness,
  CAST(NULL AS INT64) AS generation,
  CAST(NULL AS BOOL) AS is_half_loaded
FROM shown
GROUP BY currency, unit, IF(is_told, place, NULL), IF(is_told, is_unattributed, FALSE), is_previous, period_start
UNION ALL
SELECT
  'day' AS part,
  CAST(NULL AS STRING) AS currency,
  CAST(NULL AS STRING) AS unit,
  CAST(NULL AS INT64) AS place,
  CAST(NULL AS BOOL) AS is_unattributed,
  CAST(NULL AS STRING) AS group_key,
  CAST(NULL AS STRING) AS names,
  CAST(NULL AS BOOL) AS is_previous,
  CAST(NULL AS DATE) AS period_start,
  CAST(NULL AS NUMERIC) AS amount,
  CAST(NULL AS INT64) AS group_count,
  CAST(NULL AS NUMERIC) AS tokens, -- with tokens
  CAST(NULL AS NUMERIC) AS token_amount, -- with tokens
  provider,
  usage_date,
  CASE
    WHEN LOGICAL_OR(settledness = 'provisional') THEN 'provisional'
    WHEN LOGICAL_OR(settledness = 'settling') THEN 'settling'
    WHEN LOGICAL_OR(settledness = 'final') THEN 'final'
  END AS settledness,
  MAX(generation) AS generation,
  LOGICAL_OR(is_half_loaded) AS is_half_loaded
FROM (
  SELECT days.provider, days.usage_date, days.settledness, days.generation, FALSE AS is_half_loaded
  FROM settledness AS days
  WHERE
    days.usage_date BETWEEN @counted_from AND @end
    AND (days.usage_date >= @start OR days.usage_date <= @previous_end) -- with previous_month
  UNION ALL
  SELECT provider, usage_date, CAST(NULL AS STRING) AS settledness, CAST(NULL AS INT64) AS generation, is_half_loaded
  FROM loaded_days
  WHERE
    usage_date BETWEEN @counted_from AND @end
    AND (usage_date >= @start OR usage_date <= @previous_end) -- with previous_month
)
GROUP BY provider, usage_date
LIMIT @row_limit
