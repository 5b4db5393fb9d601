-- Billing periods: UTC months of each provider, open or closed, in the columns of FOCUS's dataset BillingPeriod. docs/focus.md
-- tells how a month is closed, and docs/adr/0034 why a closed one never opens again.
--
-- A month is closed at the first instant at which it was over and every day that it had then was final by a run's own words. It
-- had the days from the first that was recorded until then, in any month, to its end. Records are only added, so what held
-- at an instant holds for ever: a later correction, days loaded afterwards and a new pipeline change nothing.
CREATE OR REPLACE VIEW org_dataset.focus_billing_periods (
  BillingPeriodCreated OPTIONS(description = 'When the first day of the month was recorded'),
  BillingPeriodEnd OPTIONS(description = 'First instant of the month after'),
  BillingPeriodLastUpdated OPTIONS(description = 'When any column last became another'),
  BillingPeriodStart OPTIONS(description = 'First instant of the UTC month'),
  BillingPeriodStatus OPTIONS(description = 'Open or Closed; never Open again'),
  InvoiceIssuerName OPTIONS(description = 'Who writes the invoice'),
  x_Provider OPTIONS(description = 'As in focus_costs: gcp, openai or anthropic'),
  x_OrgSlug OPTIONS(description = 'The org'),
  x_ClosedAt OPTIONS(description = 'When the month was closed, or NULL'),
  x_LastChangedAt OPTIONS(description = 'When a run last replaced a day of it, also after it was closed; NULL if none has'),
  x_Days OPTIONS(description = 'Number of its days that a run has read'),
  x_DaysFinal OPTIONS(description = 'How many of them a run has found final')
)
OPTIONS(description = 'Billing periods of each provider, Open or Closed: see docs/focus.md')
AS
WITH
days AS (
  SELECT
    org_slug,
    provider,
    pipeline,
    usage_date,
    DATE_TRUNC(usage_date, MONTH) AS month,
    MIN(recorded_at) AS known_at,
    MIN(IF(completeness IN ('final', 'frozen'), recorded_at, NULL)) AS final_at,
    MAX(IF(is_changed, recorded_at, NULL)) AS changed_at
  FROM org_dataset.day_history
  GROUP BY org_slug, provider, pipeline, usage_date
),
months AS (
  SELECT
    org_slug,
    provider,
    pipeline,
    month,
    MIN(known_at) AS known_at,
    -- From then on the whole month counts: a day of an earlier month was known.
    MIN(MIN(known_at)) OVER (
      PARTITION BY org_slug, provider, pipeline ORDER BY month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS earlier_at
  FROM days
  GROUP BY org_slug, provider, pipeline, month
),
-- Instants at which the month may have become complete: when a day became final.
instants AS (
  SELECT DISTINCT org_slug, provider, month, final_at AS instant
  FROM days
  WHERE final_at >= TIMESTAMP(DATE_ADD(month, INTERVAL 1 MONTH))
),
-- What each pipeline had then: its first day, and how many days from there on were final.
states AS (
  SELECT
    instants.org_slug AS org_slug,
    instants.provider AS provider,
    instants.month AS month,
    instants.instant AS instant,
    IF(
      months.earlier_at <= instants.instant,
      months.month,
      MIN(IF(days.known_at <= instants.instant, days.usage_date, NULL))
    ) AS first_day,
    COUNTIF(days.final_at <= instants.instant) AS final_days
  FROM instants
  INNER JOIN months USING (org_slug, provider, month)
  INNER JOIN days USING (org_slug, provider, pipeline, month)
  GROUP BY
    instants.org_slug, instants.provider, instants.month, instants.instant, months.pipeline, months.earlier_at,
    months.month
),
closings AS (
  SELECT org_slug, provider, month, MIN(instant) AS closed_at
  FROM (
    SELECT
      org_slug,
      provider,
      month,
      instant,
      LOGICAL_AND(
        first_day IS NULL OR final_days = DATE_DIFF(DATE_ADD(month, INTERVAL 1 MONTH), first_day, DAY)
      ) AS is_complete
    FROM states
    GROUP BY org_slug, provider, month, instant
  )
  WHERE is_complete
  GROUP BY org_slug, provider, month
),
periods AS (
  SELECT
    org_slug,
    provider,
    month,
    MIN(known_at) AS created_at,
    MAX(changed_at) AS changed_at,
    -- When any column last became another: a day came, became final or was replaced.
    GREATEST(MAX(known_at), IFNULL(MAX(final_at), MAX(known_at)), IFNULL(MAX(changed_at), MAX(known_at))) AS updated_at,
    COUNT(DISTINCT usage_date) AS day_count,
    COUNT(DISTINCT usage_date) - COUNT(DISTINCT IF(final_at IS NULL, usage_date, NULL)) AS final_day_count
  FROM days
  GROUP BY org_slug, provider, month
)
SELECT
  periods.created_at AS BillingPeriodCreated,
  TIMESTAMP(DATE_ADD(periods.month, INTERVAL 1 MONTH), 'UTC') AS BillingPeriodEnd,
  periods.updated_at AS BillingPeriodLastUpdated,
  TIMESTAMP(periods.month, 'UTC') AS BillingPeriodStart,
  IF(closings.closed_at IS NULL, 'Open', 'Closed') AS BillingPeriodStatus,
  each_provider_name(periods.provider) AS InvoiceIssuerName,
  periods.provider AS x_Provider,
  periods.org_slug AS x_OrgSlug,
  closings.closed_at AS x_ClosedAt,
  periods.changed_at AS x_LastChangedAt,
  periods.day_count AS x_Days,
  periods.final_day_count AS x_DaysFinal
FROM periods
LEFT JOIN closings USING (org_slug, provider, month);
