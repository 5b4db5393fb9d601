-- What the service knows of everyone it may owe runs: allowed orgs, their working integrations, and of each pipeline the
-- newest generation of each date. One row per org and pipeline, or per org that has run nothing lately.
-- Ten thousand orgs have a quarter of a million dates, so these are told as text: `date generation status requested_date`,
-- separated by commas, and what was batched today with its batch, index, trigger type and time too. What runs have noted of
-- late rows is told as `started_at ["date",…]`, separated by semicolons.
-- @allowed ARRAY<STRING>: subscription statuses that may run
-- @first_day DATE: the first date that is looked at; a run cannot have been requested before its date
-- @today DATE: the UTC day
SELECT
  orgs.org_slug AS org_slug,
  DATE(orgs.created_at) AS since,
  integrations.valid AS integrations,
  runs.pipeline AS pipeline,
  runs.known AS known,
  runs.notes AS notes
FROM organizations.org_current_profiles AS orgs
INNER JOIN organizations.org_current_subscriptions AS subscriptions
  ON subscriptions.org_slug = orgs.org_slug AND subscriptions.status IN UNNEST(@allowed)
INNER JOIN (
  SELECT org_slug, STRING_AGG(integration, ' ' ORDER BY integration) AS valid
  FROM organizations.org_current_integrations
  WHERE status = 'VALID'
  GROUP BY org_slug
) AS integrations ON integrations.org_slug = orgs.org_slug
LEFT JOIN (
  SELECT
    org_slug,
    pipeline,
    STRING_AGG(newest.fact, ',' ORDER BY date) AS known,
    STRING_AGG(noted, ';') AS notes
  FROM (
    SELECT
      org_slug,
      pipeline,
      date,
      ARRAY_AGG(
        STRUCT(
          CONCAT(
            CAST(date AS STRING), ' ', CAST(generation AS STRING), ' ', status, ' ', CAST(requested_date AS STRING),
            IF(
              batch_id IS NULL OR requested_date != @today,
              '',
              CONCAT(
                ' ', batch_id, ' ', CAST(batch_index AS STRING), ' ', trigger_type, ' ',
                FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', created_at)
              )
            )
          ) AS fact
        )
        ORDER BY generation DESC, started_at IS NULL, requested_date LIMIT 1
      )[OFFSET(0)] AS newest,
      STRING_AGG(
        IF(
          result LIKE '%"stale_dates":["%',
          CONCAT(FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', started_at), ' ', JSON_QUERY(result, '$.stale_dates')),
          NULL
        ),
        ';'
      ) AS noted
    FROM organizations.org_meta_pipeline_runs
    WHERE requested_date BETWEEN @first_day AND @today AND (date >= @first_day OR batch_id IS NOT NULL)
    GROUP BY org_slug, pipeline, date
  )
  GROUP BY org_slug, pipeline
) AS runs ON runs.org_slug = orgs.org_slug
WHERE orgs.status = 'ACTIVE'
ORDER BY org_slug, pipeline
