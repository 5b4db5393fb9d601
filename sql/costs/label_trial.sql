-- What labels say of the charges of some days: the sum of each value in each currency. The line of the labels has the
-- number of the rule of each that holds, as in groups.sql, and that of the rules these names; what has no value is unattributed.
--
-- @first_day DATE: first UTC day
-- @last_day DATE: last one
-- @row_limit INT64: rows that are answered at most
WITH
charge AS (
  SELECT
    BillingCurrency AS currency,
    BilledCost AS amount,
    -- the labels
    x_UsageDate AS usage_date
  FROM focus_costs
  WHERE x_UsageDate BETWEEN @first_day AND @last_day
),
label_part AS (
  SELECT
    CAST(JSON_VALUE(part, '$.label') AS INT64) AS label,
    CAST(JSON_VALUE(part, '$.rule') AS INT64) AS rule,
    JSON_VALUE(part, '$.value') AS value,
    CAST(JSON_VALUE(part, '$.since') AS NUMERIC) AS since,
    CAST(JSON_VALUE(part, '$.upto') AS NUMERIC) AS upto
  FROM UNNEST(@label_parts) AS part
)
SELECT
  place + 1 AS number,
  part.value AS value,
  charge.currency AS currency,
  SUM(CAST(charge.amount * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.amount * IFNULL(part.since, 0) AS NUMERIC)) AS amount
FROM charge
CROSS JOIN UNNEST([
    -- the rules
]) AS applied WITH OFFSET AS place
LEFT JOIN label_part AS part ON part.label = place + 1 AND part.rule = applied
GROUP BY number, value, currency
LIMIT @row_limit
