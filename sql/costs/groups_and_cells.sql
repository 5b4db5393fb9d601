-- Rows of groups.sql, and those of queries/cost_cells.sql, in one statement: a page that shows both asks once, and both are
-- of one moment. Each row is one of either.
SELECT answer, NULL AS cell
FROM (
  -- the groups
) AS answer
UNION ALL
SELECT NULL AS answer, cell
FROM (
  -- the cells
) AS cell
