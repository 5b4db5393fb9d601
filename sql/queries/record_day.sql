-- Records what a successful run found a day to be. Runs with the org's dataset as default dataset.
-- An INSERT and no stream: the table may be minutes old, and streams drop rows of a new table (docs/adr/0037).
-- @usage_date DATE: the day
-- @org_slug STRING: the org
-- @provider STRING: the provider's id
-- @pipeline STRING: the pipeline's id
-- @run_id STRING: the run
-- @generation INT64: its number among the runs of that day
-- @trigger_type STRING: who or what asked for it
-- @pipeline_version STRING: of the pipeline's file, or NULL
-- @read_at TIMESTAMP: the run's first start
-- @recorded_at TIMESTAMP: when it was done
-- @is_changed BOOL: whether it has replaced the day
-- @cause STRING: why, or NULL
-- @completeness STRING: of the day
-- @source_as_of TIMESTAMP: the newest row of the source, or NULL
-- @rows_before INT64: rows of the day in all tables, before
-- @rows_after INT64: after
-- @is_total_known BOOL: whether the provider has told a total of its own
-- @totals ARRAY<STRING>: JSON objects of currency and total, as texts
-- @costs ARRAY<STRING>: JSON objects of currency, before (null where unknown) and after, as texts
-- @credits ARRAY<STRING>: the same of the credits among the costs; both null where unknown
INSERT INTO day_history (
  usage_date, org_slug, provider, pipeline, run_id, generation, trigger_type, pipeline_version, read_at, recorded_at,
  is_changed, cause, completeness, source_as_of, rows_before, rows_after, is_total_known, totals, costs, credits
)
SELECT
  @usage_date,
  @org_slug,
  @provider,
  @pipeline,
  @run_id,
  @generation,
  @trigger_type,
  @pipeline_version,
  @read_at,
  @recorded_at,
  @is_changed,
  @cause,
  @completeness,
  @source_as_of,
  @rows_before,
  @rows_after,
  @is_total_known,
  ARRAY(
    SELECT STRUCT(
      JSON_VALUE(each, '$.currency') AS currency,
      CAST(JSON_VALUE(each, '$.total') AS NUMERIC) AS total
    )
    FROM UNNEST(@totals) AS each
  ),
  ARRAY(
    SELECT STRUCT(
      JSON_VALUE(cost, '$.currency') AS currency,
      CAST(JSON_VALUE(cost, '$.before') AS NUMERIC) AS before,
      CAST(JSON_VALUE(cost, '$.after') AS NUMERIC) AS after
    )
    FROM UNNEST(@costs) AS cost
  ),
  ARRAY(
    SELECT STRUCT(
      JSON_VALUE(credit, '$.currency') AS currency,
      CAST(JSON_VALUE(credit, '$.before') AS NUMERIC) AS before,
      CAST(JSON_VALUE(credit, '$.after') AS NUMERIC) AS after
    )
    FROM UNNEST(@credits) AS credit
  )
