-- First and last day with rows that are billed in a month, of months that have such. It reads few columns of many days, so that
-- copies and closes read all columns of few. Runs with the org's dataset as default dataset.
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
-- @invoice_months ARRAY<STRING>: YYYYMM
-- @first_day DATE: the earliest day to look at
-- @last_day DATE: the last
SELECT invoice_month, MIN(usage_date) AS first_day, MAX(usage_date) AS last_day
FROM (
  SELECT usage_date, IFNULL(NULLIF(invoice_month, ''), FORMAT_DATE('%Y%m', usage_date)) AS invoice_month
  FROM charges
  WHERE usage_date BETWEEN @first_day AND @last_day AND org_slug = @org_slug AND provider = @provider
)
WHERE invoice_month IN UNNEST(@invoice_months)
GROUP BY invoice_month
