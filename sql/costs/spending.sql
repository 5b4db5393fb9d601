-- What an org has been billed by day, provider and currency, as a whole and for values of its labels, and how far each
-- provider's days have come, with what each read of a day has found: one statement, so that all are of one moment.
-- docs/budgets.md tells what is made of it.
--
-- A line that ends in `-- with WORD` is part of a question that has this word, and of no other. The line of the labels has
-- the number of the rule of each that holds, as in groups.sql, and that of the rules these names; the first is of no label.
--
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day
-- @last_day DATE: last one
-- @seen_until DATE: last one that is told of where it is loaded, at least @last_day
-- @measured_from DATE: first UTC day of whose reads the restatements are told
-- @row_limit INT64: rows that are answered at most
WITH
charge AS (
  SELECT
    x_Provider AS provider,
    BillingCurrency AS currency,
    BilledCost AS amount,
    -- the labels
    x_UsageDate AS usage_date
  FROM focus_costs
  WHERE
    x_UsageDate BETWEEN @first_day AND @last_day
    AND x_OrgSlug = @org_slug
),
label_part AS ( -- with labels
  SELECT -- with labels
    CAST(JSON_VALUE(part, '$.label') AS INT64) AS label, -- with labels
    CAST(JSON_VALUE(part, '$.rule') AS INT64) AS rule, -- with labels
    JSON_VALUE(part, '$.value') AS value, -- with labels
    CAST(JSON_VALUE(part, '$.since') AS NUMERIC) AS since, -- with labels
    CAST(JSON_VALUE(part, '$.upto') AS NUMERIC) AS upto -- with labels
  FROM UNNEST(@label_parts) AS part -- with labels
), -- with labels
part_of_charge AS (
  SELECT 0 AS label, CAST(NULL AS STRING) AS value, provider, currency, usage_date, amount
  FROM charge
  UNION ALL -- with labels
  SELECT -- with labels
    place + 1 AS label, -- with labels
    part.value AS value, -- with labels
    charge.provider AS provider, -- with labels
    charge.currency AS currency, -- with labels
    charge.usage_date AS usage_date, -- with labels
    CAST(charge.amount * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.amount * IFNULL(part.since, 0) AS NUMERIC) AS amount -- with labels
  FROM charge -- with labels
  CROSS JOIN UNNEST([ -- with labels
    -- the rules
  ]) AS applied WITH OFFSET AS place -- with labels
  LEFT JOIN label_part AS part ON part.label = place + 1 AND part.rule = applied -- with labels
)
SELECT
  'amount' AS part,
  label,
  value,
  provider,
  CAST(NULL AS STRING) AS pipeline,
  currency,
  usage_date,
  SUM(amount) AS amount,
  CAST(NULL AS STRING) AS state,
  CAST(NULL AS INT64) AS generation,
  CAST(NULL AS INT64) AS age_minutes,
  CAST(NULL AS BOOL) AS is_half_loaded
FROM part_of_charge
WHERE label = 0 OR CONCAT(CAST(label AS STRING), ':', IFNULL(value, '')) IN UNNEST(@chosen) -- with chosen
GROUP BY label, value, provider, currency, usage_date
UNION ALL
SELECT
  'day' AS part,
  0 AS label,
  CAST(NULL AS STRING) AS value,
  provider,
  CAST(NULL AS STRING) AS pipeline,
  CAST(NULL AS STRING) AS currency,
  usage_date,
  CAST(NULL AS NUMERIC) AS amount,
  CASE
    WHEN LOGICAL_OR(settledness = 'provisional') THEN 'provisional'
    WHEN LOGICAL_OR(settledness = 'settling') THEN 'settling'
    WHEN LOGICAL_OR(settledness = 'final') THEN 'final'
  END AS state,
  CAST(NULL AS INT64) AS generation,
  60 * MIN(age_hours) AS age_minutes,
  LOGICAL_OR(is_half_loaded) AS is_half_loaded
FROM (
  SELECT days.provider, days.usage_date, days.settledness, days.age_hours, FALSE AS is_half_loaded
  FROM settledness AS days
  WHERE days.usage_date BETWEEN @first_day AND @seen_until AND days.org_slug = @org_slug
  UNION ALL
  SELECT provider, usage_date, CAST(NULL AS STRING) AS settledness, CAST(NULL AS INT64) AS age_hours, is_half_loaded
  FROM loaded_days
  WHERE usage_date BETWEEN @first_day AND @seen_until AND org_slug = @org_slug
)
GROUP BY provider, usage_date
UNION ALL
SELECT
  'read' AS part,
  0 AS label,
  CAST(NULL AS STRING) AS value,
  history.provider AS provider,
  history.pipeline AS pipeline,
  cost.currency AS currency,
  history.usage_date AS usage_date,
  cost.after AS amount,
  history.completeness AS state,
  history.generation AS generation,
  TIMESTAMP_DIFF(history.read_at, TIMESTAMP(DATE_ADD(history.usage_date, INTERVAL 1 DAY)), MINUTE) AS age_minutes,
  FALSE AS is_half_loaded
FROM day_history AS history
LEFT JOIN UNNEST(history.costs) AS cost
WHERE history.usage_date BETWEEN @measured_from AND @last_day AND history.org_slug = @org_slug
LIMIT @row_limit
