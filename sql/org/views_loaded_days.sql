-- Days of each provider: when they were loaded, and whether their costs are of the newest run. docs/focus.md tells how it is
-- read beside focus_costs. A bound on usage_date prunes the partitions of every table: it is a grouping key all the way.
CREATE OR REPLACE VIEW org_dataset.loaded_days
OPTIONS(description = 'Days of each provider, and whether they are half loaded: see docs/focus.md')
AS
SELECT
  usage_date,
  org_slug,
  provider,
  loaded_at,
  row_count,
  -- What was used has mostly cost something: a first run that has failed before the costs leaves the usage alone.
  costs_missing OR IFNULL(costs_loaded_at < loaded_at, FALSE) AS is_half_loaded,
  costs_missing,
  (
    SELECT STRING_AGG(each.table_name, ', ' ORDER BY each.table_name)
    FROM UNNEST(tables) AS each
    WHERE each.ingested_at < loaded_at
  ) AS behind
FROM (
  SELECT
    usage_date,
    org_slug,
    provider,
    MAX(ingested_at) AS loaded_at,
    MIN(IF(is_of_money, ingested_at, NULL)) AS costs_loaded_at,
    LOGICAL_OR(is_of_usage) AND NOT LOGICAL_OR(is_of_money) AS costs_missing,
    SUM(row_count) AS row_count,
    ARRAY_AGG(STRUCT(table_name AS table_name, ingested_at AS ingested_at)) AS tables
  FROM org_dataset.loads
  GROUP BY usage_date, org_slug, provider
);
