-- How many rows a day of an org's table has now. Runs with the org's dataset as default dataset.
-- @org_slug STRING: the org
-- @date DATE: the partition
SELECT COUNT(*) AS row_count
FROM anthropic_usage_daily_raw
WHERE usage_date = @date AND org_slug = @org_slug
