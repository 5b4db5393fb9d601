-- Loads of all raw tables: what loaded_days is made of. One row for each table and day that has rows.
--
-- This SELECT stands in the view once for each table <provider>_…_daily_raw that the numbered scripts make, with UNION ALL
-- between: cloudact/warehouse/loads.py puts table and provider in the places of each_daily_raw and each_provider. What a
-- table holds is known by its name: costs in <provider>_…cost_daily_raw or …billing_daily_raw, usage in …usage_daily_raw.
CREATE OR REPLACE VIEW org_dataset.loads
OPTIONS(description = 'Loads of all raw tables, a part of loaded_days: see docs/focus.md')
AS
SELECT
  usage_date,
  org_slug,
  'each_provider' AS provider,
  'each_daily_raw' AS table_name,
  REGEXP_CONTAINS('each_daily_raw', '_(cost|billing)_daily_raw$') AS is_of_money,
  REGEXP_CONTAINS('each_daily_raw', '_usage_daily_raw$') AS is_of_usage,
  COUNT(*) AS row_count,
  MAX(ingested_at) AS ingested_at
FROM org_dataset.each_daily_raw
GROUP BY usage_date, org_slug;
