-- What an org plans to spend: its budgets, its prepaid balances and its labels, each in the version that counts; NULL for
-- what it does not have. One statement, so that a job asks once.
-- @org_slug STRING: the org
SELECT
  (
    SELECT budgets
    FROM organizations.org_budgets
    WHERE org_slug = @org_slug
    ORDER BY version DESC
    LIMIT 1
  ) AS budgets,
  (
    SELECT balances
    FROM organizations.org_balances
    WHERE org_slug = @org_slug
    ORDER BY version DESC
    LIMIT 1
  ) AS balances,
  (
    SELECT labels
    FROM organizations.org_labels
    WHERE org_slug = @org_slug
    ORDER BY version DESC
    LIMIT 1
  ) AS labels
