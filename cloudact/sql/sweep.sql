-- Runs that have no final status and have been silent for too long, the longest first, and how the others are.
-- The first row may be of a run that is not silent: it carries what is told of all.
-- @first_day DATE: how far back runs are looked for
-- @last_day DATE: today
-- @pending_before TIMESTAMP: a run enqueued before this should have started
-- @batched_before TIMESTAMP: the same of a run that waits for its turn in a batch
-- @running_before TIMESTAMP: a run that works has said something since
SELECT *
FROM (
  SELECT
    *,
    MIN(IF(status = 'PENDING', created_at, NULL)) OVER () AS oldest_pending_at,
    SUM(IF(silent AND status = 'RUNNING', 1, 0)) OVER () AS stuck_runs,
    ROW_NUMBER() OVER (ORDER BY silent DESC, last_event_at, run_id) AS place
  FROM (
    SELECT
      run.run_id, run.org_slug, run.pipeline_id, run.pipeline, run.provider, run.domain, run.status, run.date, run.generation, run.trigger_type, run.triggered_by,
      run.created_at, run.started_at, run.parameters, run.enqueued, run.task_id, run.batch_id,
      run.requested_date, run.last_event_at,
      run.vcpu_seconds, run.memory_gib_seconds, run.service_bytes_billed, run.compute_usd, run.bigquery_usd, run.prices_of,
      CASE run.status
        WHEN 'PENDING'
          THEN run.last_event_at <= IF(run.batch_id IS NULL OR run.enqueued > 1, @pending_before, @batched_before)
        ELSE GREATEST(run.last_event_at, IFNULL(steps.last_at, run.last_event_at)) <= @running_before
      END AS silent
    FROM organizations.org_meta_pipeline_runs AS run
    LEFT JOIN (
      SELECT requested_date, run_id, MAX(occurred_at) AS last_at
      FROM organizations.pipeline_step_events
      WHERE requested_date BETWEEN @first_day AND @last_day
      GROUP BY requested_date, run_id
    ) AS steps ON steps.requested_date = run.requested_date AND steps.run_id = run.run_id
    WHERE run.requested_date BETWEEN @first_day AND @last_day AND run.status IN ('PENDING', 'RUNNING')
  ) AS unsettled
) AS counted
WHERE silent OR place = 1
ORDER BY place
LIMIT 500
