-- The ledger: append-only. State is what the views below make of it; no row is ever updated.
-- All events of a run lie in the partition of the UTC day it was asked for, so a bound on requested_date reads whole
-- runs and nothing else (docs/adr/0001).

CREATE TABLE IF NOT EXISTS organizations.pipeline_run_events (
  requested_date DATE NOT NULL OPTIONS (description = "UTC day the run was asked for, the same in all its events"),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS (description = "UUIDv5 of org, pipeline, date and generation"),
  event_id STRING NOT NULL OPTIONS (description = "names the event; also the insertId, so that a repeated append is one row"),
  occurred_at TIMESTAMP NOT NULL,
  status STRING NOT NULL OPTIONS (description = "PENDING, RUNNING, SUCCESS, FAILED or CANCELLED"),
  pipeline STRING NOT NULL OPTIONS (description = "registry id"),
  pipeline_id STRING NOT NULL OPTIONS (description = "the name clients see: {org}-{provider}-{pipeline}"),
  provider STRING NOT NULL,
  domain STRING NOT NULL,
  date DATE NOT NULL OPTIONS (description = "UTC date whose costs the run loads"),
  generation INT64 NOT NULL,
  trigger_type STRING NOT NULL,
  triggered_by STRING NOT NULL,
  counted BOOL NOT NULL OPTIONS (description = "whether the run counts against the daily quota"),
  requested_at TIMESTAMP NOT NULL,
  started_at TIMESTAMP OPTIONS (description = "first start, the same in every later event"),
  task_id STRING OPTIONS (description = "Cloud Task that starts the run, in its PENDING event"),
  batch_id STRING OPTIONS (description = "UUIDv5 of the runs that one execution works through, in the PENDING event of a batched run"),
  batch_index INT64 OPTIONS (description = "place of the run in its batch, from 0: the index of its task in the execution"),
  execution STRING OPTIONS (description = "Cloud Run execution that reports"),
  execution_tasks INT64 OPTIONS (description = "how many tasks it has; one with several is never cancelled"),
  attempt INT64 OPTIONS (description = "0 for the first try of the execution's task"),
  rows_processed INT64,
  bytes_billed INT64 OPTIONS (description = "by the run's queries on the customer's own data, in the customer's project and at its expense"),
  vcpu_seconds NUMERIC OPTIONS (description = "of the containers of all tries so far, as far as they could tell; times their vCPUs"),
  memory_gib_seconds NUMERIC OPTIONS (description = "the same times their GiB of memory"),
  service_bytes_billed INT64 OPTIONS (description = "by the containers' queries in the service's own project"),
  compute_usd NUMERIC OPTIONS (description = "list price of vcpu_seconds and memory_gib_seconds, in US dollars"),
  bigquery_usd NUMERIC OPTIONS (description = "list price of service_bytes_billed, in US dollars"),
  prices_of DATE OPTIONS (description = "as of when the prices are"),
  error_code STRING,
  error_message STRING,
  error_retryable BOOL,
  error_hint STRING,
  parameters STRING NOT NULL OPTIONS (description = "JSON object: what the run was asked with"),
  result STRING OPTIONS (description = "JSON object of a run that has ended well: what it found out about its source")
)
PARTITION BY requested_date
CLUSTER BY org_slug, run_id
OPTIONS (description = "What happened to runs");

CREATE TABLE IF NOT EXISTS organizations.pipeline_step_events (
  requested_date DATE NOT NULL,
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL,
  event_id STRING NOT NULL,
  occurred_at TIMESTAMP NOT NULL,
  step_logging_id STRING NOT NULL,
  step_index INT64 NOT NULL,
  step_name STRING NOT NULL,
  step_type STRING NOT NULL,
  status STRING NOT NULL,
  attempt INT64 NOT NULL,
  rows_processed INT64,
  progress STRING OPTIONS (description = "how far the step is, in words"),
  level STRING OPTIONS (description = "INFO or WARNING, of text"),
  text STRING OPTIONS (description = "a message for the run's owner"),
  error_message STRING
)
PARTITION BY requested_date
CLUSTER BY org_slug, run_id
OPTIONS (description = "What happened to the steps of runs");
