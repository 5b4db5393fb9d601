-- FOCUS metadata of focus_costs without reading it: for each dataset instance (a provider) and UTC day a time sector, which says
-- whether the day is complete and when it last changed. docs/focus.md tells the rules; focus_schema has the columns that its
-- SchemaId stands for. A bound on x_UsageDate prunes the partitions of day_history.
CREATE OR REPLACE VIEW org_dataset.focus_metadata (
  DatasetInstanceId OPTIONS(description = 'GUID of the dataset instance: the costs and usage of one provider'),
  DatasetInstanceName OPTIONS(description = 'Its name for people'),
  FocusDatasetId OPTIONS(description = 'CostAndUsage'),
  SchemaId OPTIONS(description = 'GUID of the columns of focus_costs, which focus_schema lists'),
  FocusVersion OPTIONS(description = 'Version of FOCUS'),
  TimeSectorStart OPTIONS(description = 'First instant of the UTC day'),
  TimeSectorEnd OPTIONS(description = 'First instant of the day after'),
  TimeSectorComplete OPTIONS(description = 'Whether the day is settled: see settledness'),
  TimeSectorLastUpdated OPTIONS(description = 'When a run last replaced the day; if none has, when the first one had read it'),
  DatasetInstanceLastUpdated OPTIONS(description = 'When a run last replaced any day of the provider'),
  RecencyLastUpdated OPTIONS(description = 'When a run last recorded what it found'),
  x_UsageDate OPTIONS(description = 'The UTC day: a bound on it reads these days alone'),
  x_Provider OPTIONS(description = 'As in focus_costs: gcp, openai or anthropic'),
  x_OrgSlug OPTIONS(description = 'The org')
)
OPTIONS(description = 'Recency of each provider and day, by the names of the FOCUS metadata: see docs/focus.md')
AS
SELECT
  instances.DatasetInstanceId AS DatasetInstanceId,
  instances.DatasetInstanceName AS DatasetInstanceName,
  instances.FocusDatasetId AS FocusDatasetId,
  schemas.SchemaId AS SchemaId,
  schemas.FocusVersion AS FocusVersion,
  TIMESTAMP(sectors.usage_date, 'UTC') AS TimeSectorStart,
  TIMESTAMP(DATE_ADD(sectors.usage_date, INTERVAL 1 DAY), 'UTC') AS TimeSectorEnd,
  sectors.is_complete AS TimeSectorComplete,
  sectors.updated_at AS TimeSectorLastUpdated,
  instances.DatasetInstanceLastUpdated AS DatasetInstanceLastUpdated,
  instances.RecencyLastUpdated AS RecencyLastUpdated,
  sectors.usage_date AS x_UsageDate,
  sectors.provider AS x_Provider,
  sectors.org_slug AS x_OrgSlug
FROM (
  SELECT
    usage_date,
    org_slug,
    provider,
    LOGICAL_AND(days.settledness = 'final') AS is_complete,
    -- A day that was never replaced is as old as the first run that found it so.
    IFNULL(MAX(changed_at), MIN(first_recorded_at)) AS updated_at
  FROM org_dataset.settledness AS days
  GROUP BY usage_date, org_slug, provider
) AS sectors
INNER JOIN org_dataset.focus_instances AS instances
  ON instances.x_OrgSlug = sectors.org_slug AND instances.x_Provider = sectors.provider
CROSS JOIN (SELECT SchemaId, FocusVersion FROM org_dataset.focus_schema WHERE x_Position = 0) AS schemas;
