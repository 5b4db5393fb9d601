-- Latest state of runs and steps. A bound on requested_date prunes partitions: it is a grouping key.
-- The first final event wins, so a final run never changes; PENDING may be appended after RUNNING, so rank beats time.

CREATE OR REPLACE VIEW organizations.org_meta_pipeline_runs AS
SELECT
  run_id,
  run_id AS pipeline_logging_id,
  org_slug,
  pipeline_id,
  pipeline,
  provider,
  domain,
  CASE WHEN decisive.final THEN decisive.status WHEN started_at IS NULL THEN 'PENDING' ELSE 'RUNNING' END AS status,
  date,
  generation,
  trigger_type,
  triggered_by,
  counted,
  requested_date,
  created_at,
  started_at,
  IF(decisive.final, decisive.occurred_at, NULL) AS completed_at,
  IF(decisive.final, TIMESTAMP_DIFF(decisive.occurred_at, started_at, MILLISECOND), NULL) AS duration_ms,
  IF(decisive.final, TIMESTAMP_DIFF(decisive.occurred_at, started_at, MILLISECOND), NULL) / 1000 AS duration_seconds,
  decisive.rows_processed AS rows_processed,
  decisive.bytes_billed AS bytes_billed,
  IF(decisive.final, decisive.vcpu_seconds, last_vcpu_seconds) AS vcpu_seconds,
  IF(decisive.final, decisive.memory_gib_seconds, last_memory_gib_seconds) AS memory_gib_seconds,
  IF(decisive.final, decisive.service_bytes_billed, last_service_bytes_billed) AS service_bytes_billed,
  IF(decisive.final, decisive.compute_usd, last_compute_usd) AS compute_usd,
  IF(decisive.final, decisive.bigquery_usd, last_bigquery_usd) AS bigquery_usd,
  IF(decisive.final, decisive.prices_of, last_prices_of) AS prices_of,
  decisive.error_code AS error_code,
  decisive.error_message AS error_message,
  decisive.error_retryable AS error_retryable,
  decisive.error_hint AS error_hint,
  decisive.result AS result,
  decisive.status = 'FAILED' AND JSON_QUERY(decisive.result, '$.replaced') IS NOT NULL AS half_loaded,
  given_up_at,
  parameters,
  pipeline_version,
  task_id,
  batch_id,
  batch_index,
  enqueued,
  execution,
  execution_tasks,
  last_event_at
FROM (
  SELECT
    requested_date,
    org_slug,
    run_id,
    MIN(pipeline_id) AS pipeline_id,
    MIN(pipeline) AS pipeline,
    MIN(provider) AS provider,
    MIN(domain) AS domain,
    MIN(date) AS date,
    MIN(generation) AS generation,
    MIN(trigger_type) AS trigger_type,
    MIN(triggered_by) AS triggered_by,
    LOGICAL_OR(counted) AS counted,
    MIN(requested_at) AS created_at,
    MIN(started_at) AS started_at,
    MIN(parameters) AS parameters,
    MIN(pipeline_version) AS pipeline_version, -- told by one execution only, which has claimed the run
    MAX(task_id) AS task_id,
    MIN(batch_id) AS batch_id,
    MIN(batch_index) AS batch_index,
    1 + COUNT(DISTINCT IF(ENDS_WITH(event_id, '/again'), event_id, NULL)) AS enqueued,
    MAX(execution) AS execution,
    MAX(execution_tasks) AS execution_tasks,
    MAX(occurred_at) AS last_event_at,
    MAX(IF(ENDS_WITH(event_id, '/given_up'), occurred_at, NULL)) AS given_up_at, -- the daily call repeats it no more
    -- each event has the sum of all tries before it, so the largest is the last
    MAX(vcpu_seconds) AS last_vcpu_seconds,
    MAX(memory_gib_seconds) AS last_memory_gib_seconds,
    MAX(service_bytes_billed) AS last_service_bytes_billed,
    MAX(compute_usd) AS last_compute_usd,
    MAX(bigquery_usd) AS last_bigquery_usd,
    MAX(prices_of) AS last_prices_of,
    ARRAY_AGG(
      STRUCT(
        status IN ('SUCCESS', 'FAILED', 'CANCELLED') AS final,
        status AS status,
        occurred_at AS occurred_at,
        rows_processed AS rows_processed,
        bytes_billed AS bytes_billed,
        vcpu_seconds AS vcpu_seconds,
        memory_gib_seconds AS memory_gib_seconds,
        service_bytes_billed AS service_bytes_billed,
        compute_usd AS compute_usd,
        bigquery_usd AS bigquery_usd,
        prices_of AS prices_of,
        error_code AS error_code,
        error_message AS error_message,
        error_retryable AS error_retryable,
        error_hint AS error_hint,
        result AS result
      )
      ORDER BY status IN ('SUCCESS', 'FAILED', 'CANCELLED') DESC, occurred_at, event_id LIMIT 1
    )[OFFSET(0)] AS decisive
  FROM organizations.pipeline_run_events
  GROUP BY requested_date, org_slug, run_id
);

CREATE OR REPLACE VIEW organizations.pipeline_runs AS
SELECT * FROM organizations.org_meta_pipeline_runs;

CREATE OR REPLACE VIEW organizations.pipeline_step_logs AS
SELECT
  requested_date,
  org_slug,
  run_id,
  step_logging_id,
  step_index,
  latest.step_name AS step_name,
  latest.step_type AS step_type,
  latest.status AS status,
  started_at,
  IF(latest.status = 'RUNNING', NULL, latest.occurred_at) AS completed_at,
  IF(latest.status = 'RUNNING', NULL, TIMESTAMP_DIFF(latest.occurred_at, started_at, MILLISECOND)) AS duration_ms,
  latest.rows_processed AS rows_processed,
  latest.progress AS progress,
  latest.error_message AS error_message,
  latest.attempt AS attempt,
  messages
FROM (
  SELECT
    requested_date,
    org_slug,
    run_id,
    step_logging_id,
    step_index,
    MIN(occurred_at) AS started_at,
    ARRAY_AGG(
      STRUCT(
        step_name AS step_name,
        step_type AS step_type,
        status AS status,
        attempt AS attempt,
        occurred_at AS occurred_at,
        rows_processed AS rows_processed,
        progress AS progress,
        error_message AS error_message
      )
      ORDER BY attempt DESC, status = 'RUNNING', occurred_at DESC, event_id DESC LIMIT 1
    )[OFFSET(0)] AS latest,
    ARRAY_AGG(
      IF(text IS NULL, NULL, STRUCT(occurred_at AS occurred_at, attempt AS attempt, level AS level, text AS text))
      IGNORE NULLS ORDER BY occurred_at, event_id
    ) AS messages
  FROM organizations.pipeline_step_events
  GROUP BY requested_date, org_slug, run_id, step_logging_id, step_index
);

CREATE OR REPLACE VIEW organizations.org_current_profiles AS
SELECT
  org_slug,
  latest.name AS name,
  latest.dataset AS dataset,
  latest.status AS status,
  latest.generation AS generation,
  latest.keys_before AS keys_before,
  latest.created_at AS created_at
FROM (
  SELECT
    org_slug,
    ARRAY_AGG(
      STRUCT(
        name AS name,
        dataset AS dataset,
        status AS status,
        generation AS generation,
        keys_before AS keys_before,
        created_at AS created_at
      )
      ORDER BY generation DESC, status = 'OFFBOARDED' DESC, created_at LIMIT 1
    )[OFFSET(0)] AS latest
  FROM organizations.org_profiles
  GROUP BY org_slug
);

CREATE OR REPLACE VIEW organizations.org_memberships AS
SELECT
  latest.user_id AS user_id,
  latest.org_slug AS org_slug,
  latest.role AS role,
  latest.since AS since,
  profiles.org_slug IS NOT NULL AS onboarded
FROM (
  SELECT user_id, org_slug, MAX(created_at) AS since, ARRAY_AGG(
    role
    -- of two rows of the same instant the one that allows less
    ORDER BY created_at DESC, role IN ('owner', 'admin', 'member'), role = 'owner', role = 'admin' LIMIT 1
  )[OFFSET(0)] AS role
  FROM organizations.org_members
  GROUP BY user_id, org_slug
) AS latest
-- As `org_current_profiles` has it, whose whole rows of all orgs nobody needs here: its last onboarding has not ended.
LEFT JOIN (
  SELECT org_slug
  FROM organizations.org_profiles
  GROUP BY org_slug
  HAVING
    MAX(IF(status = 'ACTIVE', generation, NULL)) > IFNULL(MAX(IF(status = 'OFFBOARDED', generation, NULL)), -1)
) AS profiles ON profiles.org_slug = latest.org_slug;

CREATE OR REPLACE VIEW organizations.org_current_subscriptions AS
SELECT
  org_slug,
  latest.plan AS plan,
  latest.status AS status,
  latest.daily_limit AS daily_limit,
  latest.updated_at AS updated_at
FROM (
  SELECT
    org_slug,
    ARRAY_AGG(
      STRUCT(plan AS plan, status AS status, daily_limit AS daily_limit, updated_at AS updated_at)
      ORDER BY updated_at DESC LIMIT 1
    )[OFFSET(0)] AS latest
  FROM organizations.org_subscriptions
  GROUP BY org_slug
);

CREATE OR REPLACE VIEW organizations.org_current_integrations AS
SELECT
  org_slug,
  integration,
  latest.status AS status,
  latest.configured AS configured,
  latest.credential_name AS credential_name,
  latest.settings AS settings,
  latest.fingerprint AS fingerprint,
  latest.validated_at AS validated_at,
  latest.last_error AS last_error,
  latest.oldest_date AS oldest_date,
  latest.auth AS auth,
  latest.updated_at AS updated_at
FROM (
  SELECT
    org_slug,
    integration,
    ARRAY_AGG(
      STRUCT(
        status AS status,
        ciphertext IS NOT NULL AS configured,
        credential_name AS credential_name,
        settings AS settings,
        fingerprint AS fingerprint,
        validated_at AS validated_at,
        last_error AS last_error,
        oldest_date AS oldest_date,
        auth AS auth,
        updated_at AS updated_at
      )
      ORDER BY updated_at DESC, validated_at DESC, ciphertext DESC LIMIT 1
    )[OFFSET(0)] AS latest
  FROM organizations.org_integrations
  GROUP BY org_slug, integration
);

CREATE OR REPLACE VIEW organizations.org_api_keys AS
SELECT
  org_slug,
  key_hash,
  MIN(number) AS number,
  MIN(key_prefix) AS key_prefix,
  MIN(created_at) AS created_at,
  MIN(expires_at) AS expires_at,
  MIN(revoked_at) AS revoked_at
FROM organizations.org_api_keys_secure
GROUP BY org_slug, key_hash;

-- A row of each day with runs, and one of today for every org that is not off-boarded, also if it is suspended or
-- never ran.
CREATE OR REPLACE VIEW organizations.org_usage_quotas AS
SELECT
  subscriptions.org_slug AS org_slug,
  used.usage_date AS usage_date,
  used.pipelines_today AS pipelines_today,
  subscriptions.daily_limit AS daily_limit
FROM organizations.org_current_subscriptions AS subscriptions
INNER JOIN (
  SELECT org_slug, usage_date, COUNT(DISTINCT run_id) AS pipelines_today
  FROM (
    SELECT org_slug, requested_date AS usage_date, IF(counted, run_id, NULL) AS run_id
    FROM organizations.pipeline_run_events
    UNION ALL
    SELECT org_slug, CURRENT_DATE('UTC') AS usage_date, CAST(NULL AS STRING) AS run_id
    FROM organizations.org_current_profiles
    WHERE status = 'ACTIVE'
  )
  GROUP BY org_slug, usage_date
) AS used ON used.org_slug = subscriptions.org_slug;
