-- How settled each day is: provisional, settling or final, by what the restatement curve of its own pipeline has measured.
-- docs/focus.md tells the rules. A bound on usage_date prunes the partitions of the days; the curve has its own bound.
CREATE OR REPLACE VIEW org_dataset.settledness
OPTIONS(description = 'How settled each day is, by what was measured: see docs/focus.md')
AS
SELECT
  days.usage_date AS usage_date,
  days.org_slug AS org_slug,
  days.provider AS provider,
  days.pipeline AS pipeline,
  CASE
    WHEN days.completeness IN ('final', 'frozen') THEN 'final'
    WHEN days.completeness = 'provisional' THEN 'provisional'
    WHEN days.completeness = 'partial' THEN 'settling'
    WHEN IFNULL(curve.measured, 0) < 7 THEN days.completeness
    WHEN curve.measured >= 28 AND curve.unchanged_since = curve.measured THEN 'final'
    WHEN curve.far_off > 0 THEN 'provisional'
    ELSE 'settling'
  END AS settledness,
  days.completeness AS completeness,
  days.generation AS generation,
  days.read_at AS read_at,
  days.age_hours AS age_hours,
  days.changed_at AS changed_at,
  days.changes AS changes,
  days.first_recorded_at AS first_recorded_at,
  days.measured_hours AS measured_hours,
  curve.measured AS measured,
  curve.mean_share AS mean_share,
  curve.least_share AS least_share
FROM (
  SELECT
    usage_date,
    org_slug,
    provider,
    pipeline,
    latest.completeness AS completeness,
    latest.generation AS generation,
    latest.read_at AS read_at,
    TIMESTAMP_DIFF(latest.read_at, TIMESTAMP(DATE_ADD(usage_date, INTERVAL 1 DAY)), HOUR) AS age_hours,
    -- The measured hours that the last read has passed; none below the first of them.
    (
      SELECT MAX(each)
      FROM UNNEST([3, 6, 12, 24, 48, 72, 96, 120, 144, 168, 240, 336, 504, 720]) AS each
      WHERE each * 60 <= TIMESTAMP_DIFF(latest.read_at, TIMESTAMP(DATE_ADD(usage_date, INTERVAL 1 DAY)), MINUTE)
    ) AS measured_hours,
    changed_at,
    changes,
    first_recorded_at
  FROM (
    SELECT
      usage_date,
      org_slug,
      provider,
      pipeline,
      ARRAY_AGG(
        STRUCT(completeness AS completeness, generation AS generation, read_at AS read_at)
        ORDER BY generation DESC LIMIT 1
      )[OFFSET(0)] AS latest,
      MAX(IF(is_changed, recorded_at, NULL)) AS changed_at,
      COUNTIF(is_changed) AS changes,
      MIN(recorded_at) AS first_recorded_at
    FROM org_dataset.day_history
    GROUP BY usage_date, org_slug, provider, pipeline
  )
) AS days
LEFT JOIN org_dataset.restatement_curve AS curve
  ON curve.org_slug = days.org_slug
  AND curve.provider = days.provider
  AND curve.pipeline = days.pipeline
  AND curve.hours = days.measured_hours;
