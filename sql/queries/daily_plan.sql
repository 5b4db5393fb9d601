-- What the service knows of everyone it may owe runs: allowed orgs, their integrations that work (an empty text where none
-- does), and of each pipeline its dates. One row per org and pipeline, or per org that has run nothing lately.
-- Ten thousand orgs have a quarter of a million dates, so these are told as text, separated by commas: `date`, then
-- `generation` and `status` of the newest run (POSTPONED where it has failed since the day's load jobs were used up),
-- `loaded_on`, the day of the last request that loaded the date after it was over, `asked_on`, the last day the service
-- itself asked for it, and what is owed of it; what was batched today also with its batch, index, trigger type and time.
-- Owed is a date since the service's own run of it has failed, or anyone's has left it half loaded, and no later one has
-- loaded it, nor was the date given up after that: `failing_since`, half or whole, and the service's own newest such run by
-- generation, trigger type and time, with | between. A date before @first_day is told only if it is owed, postponed, or batched today.
-- `look` is the last look for late rows.
-- `ended` and `took_ms`: how many runs of yesterday's and today's requests have ended by themselves, and how long they took.
-- @allowed ARRAY<STRING>: subscription statuses that may run
-- @first_request DATE: how far back requests are looked at
-- @first_day DATE: the first date that may be missing; a run cannot have been requested before its date
-- @today DATE: the UTC day
SELECT
  orgs.org_slug AS org_slug,
  DATE(orgs.created_at) AS since,
  subscriptions.daily_limit AS daily_limit,
  integrations.valid AS integrations,
  runs.pipeline AS pipeline,
  runs.known AS known,
  runs.look AS look,
  runs.ended AS ended,
  runs.took_ms AS took_ms
FROM organizations.org_current_profiles AS orgs
INNER JOIN organizations.org_current_subscriptions AS subscriptions
  ON subscriptions.org_slug = orgs.org_slug AND subscriptions.status IN UNNEST(@allowed)
INNER JOIN (
  SELECT org_slug, IFNULL(STRING_AGG(IF(status = 'VALID', integration, NULL), ' ' ORDER BY integration), '') AS valid
  FROM organizations.org_current_integrations
  GROUP BY org_slug
) AS integrations ON integrations.org_slug = orgs.org_slug
LEFT JOIN (
  SELECT
    org_slug,
    pipeline,
    STRING_AGG(
      IF(
        date >= @first_day OR owed != '-' OR newest.place != '' OR newest.postponed,
        CONCAT(
          CAST(date AS STRING), ' ', newest.run, ' ', IFNULL(CAST(loaded_on AS STRING), '-'), ' ',
          IFNULL(CAST(asked_on AS STRING), '-'), ' ', owed, newest.place
        ),
        NULL
      ),
      ','
      ORDER BY date
    ) AS known,
    SUBSTR(MAX(looked), 22) AS look,
    SUM(ended) AS ended,
    SUM(took_ms) AS took_ms
  FROM (
    SELECT
      org_slug,
      pipeline,
      date,
      newest,
      loaded_on,
      asked_on,
      IF(
        failing_since IS NULL,
        '-',
        CONCAT(CAST(failing_since AS STRING), '|', IF(half_loaded, 'half', 'whole'), '|', IFNULL(own_failure, ''))
      ) AS owed,
      looked,
      ended,
      took_ms
    FROM (
      SELECT
        org_slug,
        pipeline,
        date,
        ARRAY_AGG(
          STRUCT(
            CONCAT(CAST(generation AS STRING), ' ', IF(is_postponed, 'POSTPONED', status)) AS run,
            is_postponed AS postponed,
            IF(
              batch_id IS NULL OR requested_date != @today,
              '',
              CONCAT(
                ' ', batch_id, ' ', CAST(batch_index AS STRING), ' ', trigger_type, ' ',
                FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', created_at)
              )
            ) AS place
          )
          ORDER BY generation DESC, started_at IS NULL, requested_date LIMIT 1
        )[OFFSET(0)] AS newest,
        MAX(IF(status = 'SUCCESS' AND requested_date > date, requested_date, NULL)) AS loaded_on,
        MAX(IF(is_own, requested_date, NULL)) AS asked_on,
        MIN(IF(status = 'FAILED' AND (is_own OR half_loaded) AND is_open, requested_date, NULL)) AS failing_since,
        LOGICAL_OR(half_loaded AND is_open) AS half_loaded,
        SUBSTR(
          MAX(
            IF(
              status = 'FAILED' AND is_own AND is_open,
              CONCAT(
                FORMAT('%10d', generation), CAST(generation AS STRING), '|', trigger_type, '|',
                FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', created_at)
              ),
              NULL
            )
          ),
          11
        ) AS own_failure,
        -- The time of 21 characters, then the look, so that the newest is the largest.
        MAX(
          IF(
            result LIKE '%"look":{%',
            CONCAT(FORMAT_TIMESTAMP('%Y%m%d%H%M%E6S', completed_at), JSON_QUERY(result, '$.look')),
            NULL
          )
        ) AS looked,
        COUNT(
          IF(
            status IN ('SUCCESS', 'FAILED') AND requested_date >= DATE_SUB(@today, INTERVAL 1 DAY), duration_ms, NULL
          )
        ) AS ended,
        SUM(
          IF(
            status IN ('SUCCESS', 'FAILED') AND requested_date >= DATE_SUB(@today, INTERVAL 1 DAY), duration_ms, NULL
          )
        ) AS took_ms
      FROM (
        SELECT
          *,
          trigger_type IN ('schedule', 'restatement') AS is_own,
          IFNULL(error_code = 'load_quota_exceeded', FALSE) AS is_postponed,
          -- Whether neither a later generation has loaded the date, nor was it given up since: else what failed is over.
          -- What is given up is the service's own newest failure, and a person's that ended before goes with it.
          generation > loaded_generation AND (last_given_up_at IS NULL OR completed_at > last_given_up_at) AS is_open
        FROM (
          SELECT
            *,
            MAX(IF(status = 'SUCCESS', generation, 0)) OVER of_date AS loaded_generation,
            MAX(given_up_at) OVER of_date AS last_given_up_at
          FROM organizations.org_meta_pipeline_runs
          WHERE requested_date BETWEEN @first_request AND @today
          WINDOW of_date AS (PARTITION BY org_slug, pipeline, date)
        )
      )
      GROUP BY org_slug, pipeline, date
    )
  )
  GROUP BY org_slug, pipeline
) AS runs ON runs.org_slug = orgs.org_slug
WHERE orgs.status = 'ACTIVE'
ORDER BY org_slug, pipeline
