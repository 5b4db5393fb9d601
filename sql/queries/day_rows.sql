-- How many rows a day of one of an org's tables has now. Runs with the org's dataset as default dataset; the table's name
-- stands in for org_table.
-- @org_slug STRING: the org
-- @date DATE: the partition
SELECT COUNT(*) AS row_count
FROM org_table
WHERE usage_date = @date AND org_slug = @org_slug
