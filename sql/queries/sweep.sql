-- Runs that have no final status and have been silent for too long, and how the others are: those that work first, then
-- those that wait alone, then those that wait in a batch. Each kind begins elsewhere with every sweep, so what cannot be
-- settled holds up nobody. A batch that works is left alone: a run that waits in it is as silent as the batch is. Its runs
-- that were enqueued alone do not speak for it. A run that waits in a task for its next try speaks by the org's others,
-- which the task works on meanwhile. The first row may be of a run that is not silent: it carries what is told
-- of all.
-- @first_day DATE: how far back runs are looked for
-- @last_day DATE: today
-- @pending_before TIMESTAMP: a run enqueued before this should have started
-- @batched_before TIMESTAMP: the same of a run whose batch has said nothing since
-- @running_before TIMESTAMP: a run that works has said something since
-- @turn STRING: the run_id to begin with, in the circle of all
SELECT *
FROM (
  SELECT
    *,
    MIN(IF(status = 'PENDING' AND NOT batched, last_event_at, NULL)) OVER () AS oldest_pending_at,
    SUM(IF(silent AND status = 'RUNNING', 1, 0)) OVER () AS stuck_runs,
    ROW_NUMBER() OVER (ORDER BY silent DESC, status = 'PENDING', batched, run_id < @turn, run_id) AS place
  FROM (
    SELECT
      *,
      CASE
        WHEN status = 'RUNNING' THEN IFNULL(task_spoke_at, spoke_at) <= @running_before
        WHEN batched THEN batch_spoke_at <= @batched_before
        ELSE last_event_at <= @pending_before
      END AS silent
    FROM (
      SELECT
        run.run_id, run.org_slug, run.pipeline_id, run.pipeline, run.provider, run.domain, run.status, run.date, run.generation, run.trigger_type, run.triggered_by,
        run.created_at, run.started_at, run.parameters, run.enqueued, run.task_id, run.batch_id,
        run.requested_date, run.last_event_at,
        run.vcpu_seconds, run.memory_gib_seconds, run.service_bytes_billed, run.compute_usd, run.bigquery_usd, run.prices_of,
        run.batch_id IS NOT NULL AND run.enqueued <= 1 AS batched,
        GREATEST(run.last_event_at, IFNULL(steps.last_at, run.last_event_at)) AS spoke_at,
        -- by run where there is no batch: all these would be one group, too large for one machine
        MAX(IF(run.enqueued > 1, NULL, GREATEST(run.last_event_at, IFNULL(steps.last_at, run.last_event_at))))
          OVER (PARTITION BY IFNULL(run.batch_id, run.run_id)) AS batch_spoke_at,
        IF(
          run.enqueued > 1,
          NULL,
          MAX(
            IF(
              run.enqueued > 1 OR run.started_at IS NULL,
              NULL,
              GREATEST(run.last_event_at, IFNULL(steps.last_at, run.last_event_at))
            )
          ) OVER (PARTITION BY IFNULL(run.batch_id, run.run_id), run.org_slug)
        ) AS task_spoke_at
      FROM organizations.org_meta_pipeline_runs AS run
      LEFT JOIN (
        SELECT requested_date, run_id, MAX(occurred_at) AS last_at
        FROM organizations.pipeline_step_events
        WHERE requested_date BETWEEN @first_day AND @last_day
        GROUP BY requested_date, run_id
      ) AS steps ON steps.requested_date = run.requested_date AND steps.run_id = run.run_id
      WHERE run.requested_date BETWEEN @first_day AND @last_day
    ) AS known
    WHERE status IN ('PENDING', 'RUNNING')
  ) AS unsettled
) AS counted
WHERE silent OR place = 1
ORDER BY place
LIMIT 500
