-- Rows of an org's costs in the columns of FOCUS, as they are: what an export of rows has. docs/costs.md.
--
-- Of the filters the lines are kept that the question has, as in groups.sql.
--
-- @first_day DATE: first UTC day
-- @last_day DATE: last one
SELECT *
FROM focus_costs
WHERE
    x_UsageDate BETWEEN @first_day AND @last_day
    -- the filters
