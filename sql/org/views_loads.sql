-- Loads of all raw tables: what loaded_days is made of. One row for each table and day that has rows.
--
-- This SELECT stands in the view once for each table <provider>_…_daily_raw that the numbered scripts make, with UNION ALL
-- between: cloudact/warehouse/loads.py puts table and provider in the places of each_daily_raw and each_provider.
CREATE OR REPLACE VIEW org_dataset.loads
OPTIONS(description = 'Loads of all raw tables, a part of loaded_days: see docs/focus.md')
AS
SELECT
  usage_date,
  org_slug,
  'each_provider' AS provider,
  'each_daily_raw' AS table_name,
  COUNT(*) AS row_count,
  MAX(ingested_at) AS ingested_at
FROM org_dataset.each_daily_raw
GROUP BY usage_date, org_slug;
