-- What a day of an org's table has, by currency, and how many rows of the export that is the sum of. Runs with the org's
-- dataset as default dataset.
-- @org_slug STRING: the org
-- @date DATE: the partition
SELECT
  currency,
  COUNT(*) AS row_count,
  SUM(source_row_count) AS source_rows,
  SUM(net_cost) AS net_cost,
  MAX(source_max_export_time) AS newest
FROM gcp_billing_daily_raw
WHERE usage_date = @date AND org_slug = @org_slug
GROUP BY currency
