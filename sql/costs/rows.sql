-- Rows of an org's costs in the columns of FOCUS: what an export of rows has, as they are or allocated by a label.
-- docs/costs.md.
--
-- Of the filters the lines are kept that the question has, as in groups.sql; the place of the labels has the rules of the
-- one by which charges are allocated. A charge that its rule shares out is a row for each share: every amount that can be
-- summed is split as groups.sql splits it, and everything else is as it was.
--
-- @first_day DATE: first UTC day
-- @last_day DATE: last one
WITH
label_part AS ( -- with allocated
  SELECT -- with allocated
    CAST(JSON_VALUE(part, '$.rule') AS INT64) AS rule, -- with allocated
    JSON_VALUE(part, '$.value') AS value, -- with allocated
    CAST(JSON_VALUE(part, '$.since') AS NUMERIC) AS since, -- with allocated
    CAST(JSON_VALUE(part, '$.upto') AS NUMERIC) AS upto, -- with allocated
    JSON_VALUE(part, '$.method') AS method, -- with allocated
    JSON_VALUE(part, '$.details') AS details, -- with allocated
    JSON_VALUE(part, '$.tags') AS tags -- with allocated
  FROM UNNEST(@label_parts) AS part -- with allocated
), -- with allocated
charge AS (
  SELECT
    -- the labels
    *
  FROM focus_costs
  WHERE
    x_UsageDate BETWEEN @first_day AND @last_day
    -- the filters
)
SELECT * -- with unallocated
FROM charge -- with unallocated
SELECT -- with allocated
  charge.* EXCEPT (label_1_rule) REPLACE ( -- with allocated
    CAST(charge.BilledCost * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.BilledCost * IFNULL(part.since, 0) AS NUMERIC) AS BilledCost, -- with allocated
    CAST(charge.EffectiveCost * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.EffectiveCost * IFNULL(part.since, 0) AS NUMERIC) AS EffectiveCost, -- with allocated
    CAST(charge.ListCost * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.ListCost * IFNULL(part.since, 0) AS NUMERIC) AS ListCost, -- with allocated
    CAST(charge.ContractedCost * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.ContractedCost * IFNULL(part.since, 0) AS NUMERIC) AS ContractedCost, -- with allocated
    CAST(charge.PricingQuantity * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.PricingQuantity * IFNULL(part.since, 0) AS NUMERIC) AS PricingQuantity, -- with allocated
    CAST(charge.ConsumedQuantity * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.ConsumedQuantity * IFNULL(part.since, 0) AS NUMERIC) AS ConsumedQuantity, -- with allocated
    CAST(charge.x_Credits * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.x_Credits * IFNULL(part.since, 0) AS NUMERIC) AS x_Credits, -- with allocated
    CAST(charge.PricingCurrencyEffectiveCost * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.PricingCurrencyEffectiveCost * IFNULL(part.since, 0) AS NUMERIC) AS PricingCurrencyEffectiveCost, -- with allocated
    CAST(charge.CommitmentDiscountQuantity * IFNULL(part.upto, 1) AS NUMERIC) - CAST(charge.CommitmentDiscountQuantity * IFNULL(part.since, 0) AS NUMERIC) AS CommitmentDiscountQuantity, -- with allocated
    part.method AS AllocatedMethodId, -- with allocated
    part.details AS AllocatedMethodDetails, -- with allocated
    part.value AS AllocatedResourceId, -- with allocated
    part.value AS AllocatedResourceName, -- with allocated
    part.tags AS AllocatedTags -- with allocated
  ) -- with allocated
FROM charge AS charge -- with allocated
LEFT JOIN label_part AS part ON part.rule = charge.label_1_rule -- with allocated
