-- All that an org's table has of a day, to be written again with what is new. Runs with the org's dataset as default
-- dataset.
-- @org_slug STRING: the org
-- @date DATE: the partition
SELECT *
FROM gcp_billing_daily_raw
WHERE usage_date = @date AND org_slug = @org_slug
