-- Costs of an org by day and smallest part, and its settled days: what anomalies are found in. One statement, so that both
-- are of one moment. Runs with the org's dataset as default dataset. Bills at most 10240 MiB.
-- Usage at the prices of the contract: credits, commitments, fees, taxes and corrections say nothing of a day's usage.
-- Small parts lose model, sub-account and key, by the greatest day that they have had, and stay in all wider sums.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day that is read
-- @last_day DATE: last one
-- @most_cells INT64: parts of a currency that are told apart
SELECT
  'amount' AS part,
  usage_date,
  provider,
  currency,
  service,
  IF(is_told, model, NULL) AS model,
  IF(is_told, sub_account, NULL) AS sub_account,
  IF(is_told, api_key, NULL) AS api_key,
  MAX(IF(is_told, sub_account_name, NULL)) AS sub_account_name,
  MAX(IF(is_told, api_key_name, NULL)) AS api_key_name,
  SUM(amount) AS amount
FROM (
  SELECT
    *,
    DENSE_RANK() OVER (
      PARTITION BY currency
      ORDER BY peak DESC, provider, service, model, sub_account, api_key
    ) <= @most_cells AS is_told
  FROM (
    SELECT
      *,
      MAX(ABS(amount)) OVER (PARTITION BY currency, provider, service, model, sub_account, api_key) AS peak
    FROM (
      SELECT
        x_UsageDate AS usage_date,
        BillingCurrency AS currency,
        x_Provider AS provider,
        ServiceName AS service,
        x_Model AS model,
        SubAccountId AS sub_account,
        x_ApiKeyId AS api_key,
        MAX(SubAccountName) AS sub_account_name,
        MAX(x_ApiKeyName) AS api_key_name,
        SUM(ContractedCost) AS amount
      FROM focus_costs
      WHERE
        x_UsageDate BETWEEN @first_day AND @last_day
        AND x_OrgSlug = @org_slug
        AND ChargeCategory = 'Usage'
        AND ChargeClass IS NULL
      GROUP BY usage_date, currency, provider, service, model, sub_account, api_key
    )
  )
)
GROUP BY
  usage_date,
  provider,
  currency,
  service,
  IF(is_told, model, NULL),
  IF(is_told, sub_account, NULL),
  IF(is_told, api_key, NULL)
UNION ALL
SELECT
  'day' AS part,
  usage_date,
  provider,
  CAST(NULL AS STRING) AS currency,
  CAST(NULL AS STRING) AS service,
  CAST(NULL AS STRING) AS model,
  CAST(NULL AS STRING) AS sub_account,
  CAST(NULL AS STRING) AS api_key,
  CAST(NULL AS STRING) AS sub_account_name,
  CAST(NULL AS STRING) AS api_key_name,
  CAST(NULL AS NUMERIC) AS amount
FROM (
  -- A day that is settling may still gain a twentieth, by what was measured; a day after its end most of it is there.
  SELECT
    days.usage_date,
    days.provider,
    days.settledness = 'final' OR (days.settledness = 'settling' AND days.age_hours >= 24) AS is_settled
  FROM settledness AS days
  WHERE days.usage_date BETWEEN @first_day AND @last_day AND days.org_slug = @org_slug
  UNION ALL
  SELECT usage_date, provider, IF(is_half_loaded, FALSE, NULL) AS is_settled
  FROM loaded_days
  WHERE usage_date BETWEEN @first_day AND @last_day AND org_slug = @org_slug
)
GROUP BY usage_date, provider
-- What was loaded before there was a history of days is taken for settled after the last planned restatement.
HAVING IFNULL(LOGICAL_AND(is_settled), usage_date < DATE_SUB(@last_day, INTERVAL 7 DAY))
