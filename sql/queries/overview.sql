-- What an org may do today, what it has done, what it has set up, and the dates of its pipelines: those of
-- pipeline_days.sql, here so that a page asks once.
-- @org_slug STRING: the org
-- @first_day DATE: the earliest of the dates
-- @today DATE: the UTC day
SELECT
  (
    SELECT AS STRUCT status, plan, daily_limit
    FROM organizations.org_current_subscriptions
    WHERE org_slug = @org_slug
    LIMIT 1
  ) AS subscription,
  (
    SELECT COUNT(DISTINCT IF(counted, run_id, NULL))
    FROM organizations.pipeline_run_events
    WHERE requested_date = @today AND org_slug = @org_slug
  ) AS pipelines_today,
  ARRAY(
    SELECT AS STRUCT integration, status, validated_at, last_error
    FROM organizations.org_current_integrations
    WHERE org_slug = @org_slug
    ORDER BY integration
  ) AS integrations,
  ARRAY(
    SELECT AS STRUCT
      pipeline,
      date,
      newest.run_id AS run_id,
      newest.generation AS generation,
      newest.status AS status,
      newest.trigger_type AS trigger_type,
      newest.requested_date AS requested_date,
      newest.created_at AS created_at,
      newest.completed_at AS completed_at,
      newest.rows_processed AS rows_processed,
      newest.error_code AS error_code,
      loaded.completeness AS completeness,
      loaded.completed_at AS loaded_at
    FROM (
      SELECT
        pipeline,
        date,
        ARRAY_AGG(
          STRUCT(
            run_id AS run_id, generation AS generation, status AS status, trigger_type AS trigger_type,
            requested_date AS requested_date, created_at AS created_at, completed_at AS completed_at,
            rows_processed AS rows_processed, error_code AS error_code
          )
          ORDER BY generation DESC, started_at IS NULL, requested_date LIMIT 1
        )[OFFSET(0)] AS newest,
        ARRAY_AGG(
          IF(
            status = 'SUCCESS',
            STRUCT(JSON_VALUE(result, '$.completeness') AS completeness, completed_at AS completed_at),
            NULL
          )
          IGNORE NULLS ORDER BY generation DESC LIMIT 1
        )[SAFE_OFFSET(0)] AS loaded
      FROM organizations.org_meta_pipeline_runs
      WHERE requested_date BETWEEN @first_day AND @today AND org_slug = @org_slug AND date >= @first_day
      GROUP BY pipeline, date
    )
    ORDER BY pipeline, date
  ) AS days
