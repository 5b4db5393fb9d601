-- Rows of groups.sql, of queries/cost_cells.sql and of spending.sql in one statement: a page that shows all of them asks
-- once, and all are of one moment. Each row is one of either. That they are arrays first has a history (docs/adr/0039).
WITH
together AS (
  SELECT
    ARRAY(
      SELECT answer
      FROM (
  -- the groups
      ) AS answer
    ) AS answers,
    ARRAY(
      SELECT cell
      FROM (
  -- the cells
      ) AS cell
    ) AS cells,
    ARRAY(
      SELECT spent
      FROM (
  -- the spending
      ) AS spent
    ) AS spents
)
SELECT answer, NULL AS spent, NULL AS cell
FROM together, UNNEST(answers) AS answer
UNION ALL
SELECT NULL AS answer, NULL AS spent, cell
FROM together, UNNEST(cells) AS cell
UNION ALL
SELECT NULL AS answer, spent, NULL AS cell
FROM together, UNNEST(spents) AS spent
