-- Dataset instances of the FOCUS metadata: one of CostAndUsage for each provider that has a history, and the billing periods.
-- Reads a few columns of day_history.
CREATE OR REPLACE VIEW org_dataset.focus_instances (
  DatasetInstanceId OPTIONS(description = 'GUID of the dataset instance'),
  DatasetInstanceName OPTIONS(description = 'Its name for people'),
  FocusDatasetId OPTIONS(description = 'Dataset of FOCUS: CostAndUsage or BillingPeriod'),
  DatasetInstanceLastUpdated OPTIONS(description = 'When a run last replaced any day of it'),
  RecencyLastUpdated OPTIONS(description = 'When a run last recorded what it found'),
  x_Provider OPTIONS(description = 'Provider of costs and usage; NULL for all providers'),
  x_OrgSlug OPTIONS(description = 'The org')
)
OPTIONS(description = 'Dataset instances, a part of the FOCUS metadata: see docs/focus.md')
AS
SELECT
  -- A GUID of what an instance is: always the same.
  REGEXP_REPLACE(
    TO_HEX(MD5(CONCAT(org_slug, '/', FocusDatasetId, IFNULL(CONCAT('/', provider), '')))),
    r'(.{8})(.{4})(.{4})(.{4})(.{12})',
    r'\1-\2-\3-\4-\5'
  ) AS DatasetInstanceId,
  DatasetInstanceName,
  FocusDatasetId,
  -- What was never replaced is as old as the first run that found it so.
  IFNULL(changed_at, first_recorded_at) AS DatasetInstanceLastUpdated,
  recorded_at AS RecencyLastUpdated,
  provider AS x_Provider,
  org_slug AS x_OrgSlug
FROM (
  SELECT
    org_slug,
    provider,
    CONCAT(each_provider_name(provider), ': costs and usage by UTC day') AS DatasetInstanceName,
    'CostAndUsage' AS FocusDatasetId,
    MAX(IF(is_changed, recorded_at, NULL)) AS changed_at,
    MIN(recorded_at) AS first_recorded_at,
    MAX(recorded_at) AS recorded_at
  FROM org_dataset.day_history
  GROUP BY org_slug, provider
  UNION ALL
  SELECT
    org_slug,
    CAST(NULL AS STRING) AS provider,
    'Billing periods of all providers' AS DatasetInstanceName,
    'BillingPeriod' AS FocusDatasetId,
    MAX(recorded_at) AS changed_at,
    MIN(recorded_at) AS first_recorded_at,
    MAX(recorded_at) AS recorded_at
  FROM org_dataset.day_history
  GROUP BY org_slug
);
