-- The FOCUS metadata of an org, in one row, from its history of days and the records of migrations: no charge is read.
-- Runs with the org's dataset as default dataset. Bills at most 2048 MiB: the records of all orgs are counted before those
-- of this one are found by their cluster.
-- @org_slug STRING: the org
-- @first_day DATE: the first day of the time sectors
-- @last_day DATE: the last one
SELECT
  ARRAY(
    SELECT AS STRUCT
      DatasetInstanceId, DatasetInstanceName, FocusDatasetId, DatasetInstanceLastUpdated, RecencyLastUpdated
    FROM focus_instances
    WHERE x_OrgSlug = @org_slug
    ORDER BY FocusDatasetId DESC, x_Provider
  ) AS instances,
  ARRAY(
    SELECT AS STRUCT DatasetInstanceId, TimeSectorStart, TimeSectorEnd, TimeSectorComplete, TimeSectorLastUpdated
    FROM focus_metadata
    WHERE x_OrgSlug = @org_slug AND x_UsageDate BETWEEN @first_day AND @last_day
    ORDER BY x_Provider, x_UsageDate
  ) AS sectors,
  ARRAY(
    SELECT AS STRUCT
      FocusDatasetId, SchemaId, FocusVersion, x_Position, ColumnName, DataType, NumericPrecision, NumberScale, Deprecated,
      ProviderTagPrefixes
    FROM focus_schema
    ORDER BY x_Position
  ) AS columns_of_costs,
  ARRAY(
    SELECT AS STRUCT FocusDatasetId, SchemaId, FocusVersion, x_Position, ColumnName, DataType
    FROM focus_billing_schema
    ORDER BY x_Position
  ) AS columns_of_periods,
  -- When this dataset first got the text that it has, which changes with the columns alone.
  ARRAY(
    SELECT AS STRUCT script, MIN(IF(checksum = newest, applied_at, NULL)) AS created_at
    FROM (
      SELECT
        script,
        checksum,
        applied_at,
        LAST_VALUE(checksum) OVER (
          PARTITION BY script ORDER BY applied_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS newest
      FROM organizations.schema_migrations
      WHERE
        scope = 'org'
        AND dataset = @org_slug
        AND script IN ('views_focus_schema', 'views_focus_billing_schema')
        AND checksum != 'lost'
    )
    GROUP BY script
    ORDER BY script
  ) AS created
