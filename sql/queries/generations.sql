-- The newest generation of some dates, which may be far back, and what all generations have come to: the last request that
-- loaded the date after it was over, the last day the service itself asked for it, the start of the last load, the newest
-- row that any load has read, and when the service last gave the date up. A run cannot have been requested before its date.
-- @org_slugs ARRAY<STRING>: the orgs
-- @keys ARRAY<STRING>: `org_slug pipeline date` of each date that is asked for
-- @first_day DATE: the earliest of the dates
-- @today DATE: the UTC day
SELECT
  org_slug,
  pipeline,
  date,
  newest.generation AS generation,
  newest.status AS status,
  newest.requested_date AS requested_date,
  loaded_on,
  asked_on,
  loaded_at,
  source_as_of,
  given_up_at
FROM (
  SELECT
    org_slug,
    pipeline,
    date,
    ARRAY_AGG(
      STRUCT(generation AS generation, status AS status, requested_date AS requested_date)
      ORDER BY generation DESC, started_at IS NULL, requested_date LIMIT 1
    )[OFFSET(0)] AS newest,
    MAX(IF(status = 'SUCCESS' AND requested_date > date, requested_date, NULL)) AS loaded_on,
    MAX(IF(trigger_type IN ('schedule', 'restatement'), requested_date, NULL)) AS asked_on,
    MAX(IF(status = 'SUCCESS', started_at, NULL)) AS loaded_at,
    MAX(
      IF(status = 'SUCCESS', SAFE_CAST(JSON_VALUE(result, '$.fingerprint.source_as_of') AS TIMESTAMP), NULL)
    ) AS source_as_of,
    MAX(given_up_at) AS given_up_at
  FROM organizations.org_meta_pipeline_runs
  WHERE requested_date BETWEEN @first_day AND @today
    AND org_slug IN UNNEST(@org_slugs)
    AND CONCAT(org_slug, ' ', pipeline, ' ', CAST(date AS STRING)) IN UNNEST(@keys)
  GROUP BY org_slug, pipeline, date
)
ORDER BY org_slug, pipeline, date
