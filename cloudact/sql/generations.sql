-- The newest generation of each of some dates, which may be far back: a run cannot have been requested before its date.
-- @org_slugs ARRAY<STRING>: the orgs
-- @pipelines ARRAY<STRING>: registry ids
-- @dates ARRAY<DATE>: the dates
-- @first_day DATE: the earliest of them
-- @today DATE: the UTC day
SELECT
  org_slug,
  pipeline,
  date,
  newest.generation AS generation,
  newest.status AS status,
  newest.requested_date AS requested_date
FROM (
  SELECT
    org_slug,
    pipeline,
    date,
    ARRAY_AGG(
      STRUCT(generation AS generation, status AS status, requested_date AS requested_date)
      ORDER BY generation DESC, started_at IS NULL, requested_date LIMIT 1
    )[OFFSET(0)] AS newest
  FROM organizations.org_meta_pipeline_runs
  WHERE requested_date BETWEEN @first_day AND @today
    AND org_slug IN UNNEST(@org_slugs)
    AND pipeline IN UNNEST(@pipelines)
    AND date IN UNNEST(@dates)
  GROUP BY org_slug, pipeline, date
)
ORDER BY org_slug, pipeline, date
