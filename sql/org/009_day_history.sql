-- What each successful run found a day to be: one row per run. Written only by jobs, by an INSERT under a job id of the
-- run's own, so once. Append-only: cost_changes, restatement_curve and settledness are made of it (docs/focus.md).
CREATE TABLE IF NOT EXISTS org_dataset.day_history (
  usage_date DATE NOT NULL OPTIONS(description = 'UTC day that was read'),
  org_slug STRING NOT NULL,
  provider STRING NOT NULL,
  pipeline STRING NOT NULL OPTIONS(description = 'Id of the pipeline, e.g. openai_usage_cost'),
  run_id STRING NOT NULL,
  generation INT64 NOT NULL OPTIONS(description = 'Number of the run among those of this pipeline and day'),
  trigger_type STRING NOT NULL OPTIONS(description = 'Who or what asked for the run: api, user, schedule, backfill, retry or restatement'),
  pipeline_version STRING OPTIONS(description = 'Version of the pipeline\'s file that the run was worked with'),
  read_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of the run: what it read is at least as new'),
  recorded_at TIMESTAMP NOT NULL OPTIONS(description = 'When the run had loaded the day, or found it loaded'),
  is_changed BOOL NOT NULL OPTIONS(description = 'Whether the run has replaced the day by other rows'),
  cause STRING OPTIONS(description = 'Why the day was replaced: first_load, late_rows, provider_correction, forced or code; NULL where nobody knows, and where it was not'),
  completeness STRING NOT NULL OPTIONS(description = 'provisional, settling, final, partial or frozen, by what was read'),
  source_as_of TIMESTAMP OPTIONS(description = 'The newest row of the source, or when the provider refreshed its data; NULL where it does not tell'),
  rows_before INT64 NOT NULL OPTIONS(description = 'Rows of the day in all tables, before'),
  rows_after INT64 NOT NULL,
  costs ARRAY<STRUCT<
    currency STRING OPTIONS(description = 'ISO 4217'),
    before NUMERIC OPTIONS(description = 'Net cost of the day before this run; NULL where nobody knows'),
    after NUMERIC
  >> OPTIONS(description = 'Net cost of the day, by currency')
)
PARTITION BY usage_date
CLUSTER BY provider, pipeline
OPTIONS(description = 'What each successful run found a day to be: see docs/focus.md');
