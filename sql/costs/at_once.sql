-- Rows of groups.sql, of queries/cost_cells.sql and of spending.sql in one statement: a page that shows all of them asks
-- once, and all are of one moment. Each row is one of either. A line that ends in `-- with spending` is left out where
-- nobody has a budget.
SELECT
  answer,
  NULL AS spent, -- with spending
  NULL AS cell
FROM (
  -- the groups
) AS answer
UNION ALL
SELECT
  NULL AS answer,
  NULL AS spent, -- with spending
  cell
FROM (
  -- the cells
) AS cell
UNION ALL -- with spending
SELECT -- with spending
  NULL AS answer, -- with spending
  spent, -- with spending
  NULL AS cell -- with spending
FROM ( -- with spending
  -- the spending
) AS spent -- with spending
