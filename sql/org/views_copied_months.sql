-- Months that were copied, provisional or closed, with what of the invoice's residual the rules explain. Reads copies,
-- invoices and the history of days alone, so a verdict costs kilobytes. docs/focus.md tells the rules.
CREATE OR REPLACE VIEW org_dataset.copied_months
OPTIONS(description = 'Copies of months with their residuals, a part of invoice_months: see docs/focus.md')
AS
WITH
closed AS (
  SELECT
    org_slug,
    provider,
    invoice_month,
    currency,
    ARRAY_AGG(STRUCT(made_at AS made_at, run_id AS run_id) ORDER BY made_at, run_id LIMIT 1)[OFFSET(0)] AS first_copy
  FROM org_dataset.month_closes
  WHERE status = 'closed'
  GROUP BY org_slug, provider, invoice_month, currency
),
provisional AS (
  -- A copy is of the whole month: a currency that the newest does not have any more is not in the month.
  SELECT
    org_slug,
    provider,
    invoice_month,
    ARRAY_AGG(STRUCT(made_at AS made_at, run_id AS run_id) ORDER BY made_at DESC, run_id LIMIT 1)[OFFSET(0)] AS last_copy
  FROM org_dataset.month_closes
  WHERE status = 'provisional'
  GROUP BY org_slug, provider, invoice_month
),
copied AS (
  SELECT
    copy.org_slug AS org_slug,
    copy.provider AS provider,
    copy.invoice_month AS invoice_month,
    copy.currency AS currency,
    -- Providers tell months too: one that is none must not stop the others.
    IF(
      REGEXP_CONTAINS(copy.invoice_month, r'^[12][0-9]{3}(0[1-9]|1[0-2])$'),
      PARSE_DATE('%Y%m%d', CONCAT(copy.invoice_month, '01')),
      NULL
    ) AS first_day,
    copy.status AS status,
    copy.made_at AS made_at,
    copy.run_id AS run_id,
    copy.usage_date AS usage_date,
    copy.charge_category AS charge_category,
    copy.cost AS cost,
    copy.row_count AS row_count,
    copy.line_count AS line_count,
    copy.credits AS credits,
    copy.tells_invoice_month AS tells_invoice_month,
    copy.checksum AS checksum,
    copy.invoices AS invoices,
    copy.invoice_total AS invoice_total,
    copy.invoice_tax AS invoice_tax,
    copy.residual AS residual,
    copy.parts AS parts,
    copy.billed_later_credits AS billed_later_credits
  FROM org_dataset.month_closes AS copy
  LEFT JOIN closed
    ON copy.org_slug = closed.org_slug
    AND copy.provider = closed.provider
    AND copy.invoice_month = closed.invoice_month
    AND copy.currency = closed.currency
  LEFT JOIN provisional
    ON copy.org_slug = provisional.org_slug
    AND copy.provider = provisional.provider
    AND copy.invoice_month = provisional.invoice_month
  WHERE
    (copy.status = 'closed' AND copy.made_at = closed.first_copy.made_at AND copy.run_id = closed.first_copy.run_id)
    OR (
      copy.status = 'provisional' AND closed.first_copy IS NULL
      AND copy.made_at = provisional.last_copy.made_at AND copy.run_id = provisional.last_copy.run_id
    )
),
month AS (
  SELECT
    org_slug,
    provider,
    invoice_month,
    currency,
    status,
    made_at,
    run_id,
    MIN(first_day) AS first_day,
    SUM(cost) AS cost,
    SUM(IF(charge_category = 'Usage', cost, NULL)) AS usage_cost,
    SUM(IF(charge_category = 'Purchase', cost, NULL)) AS purchase_cost,
    SUM(IF(charge_category = 'Tax', cost, NULL)) AS tax_cost,
    SUM(IF(charge_category = 'Credit', cost, NULL)) AS credit_cost,
    SUM(IF(charge_category = 'Adjustment', cost, NULL)) AS adjustment_cost,
    SUM(row_count) AS row_count,
    MAX(line_count) AS line_count,
    SUM(credits) AS credits,
    LOGICAL_OR(tells_invoice_month) AS tells_invoice_month,
    TO_HEX(
      SHA256(
        STRING_AGG(
          CONCAT(CAST(usage_date AS STRING), ' ', charge_category, ' ', checksum), '\n' ORDER BY usage_date, charge_category
        )
      )
    ) AS checksum,
    MAX(invoices) AS closed_invoices,
    MAX(invoice_total) AS closed_total,
    MAX(invoice_tax) AS closed_tax,
    MAX(residual) AS closed_residual,
    ANY_VALUE(parts) AS closed_parts,
    MAX(billed_later_credits) AS closed_later_credits
  FROM copied
  GROUP BY org_slug, provider, invoice_month, currency, status, made_at, run_id
),
unbilled AS (
  -- What the invoice that closed a month did not have of its changes. Usage with as much of credits is no part: it adds
  -- nothing, but its credits are among those of the next invoice.
  SELECT
    month.org_slug AS org_slug,
    month.provider AS provider,
    month.invoice_month AS invoice_month,
    month.currency AS currency,
    0 - IFNULL(SUM(part.amount), 0) AS not_billed,
    0 - MAX(month.closed_later_credits) AS not_billed_credits
  FROM month
  LEFT JOIN UNNEST(month.closed_parts) AS part
    ON part.name = 'billed_later'
  WHERE part.amount IS NOT NULL OR month.closed_later_credits != 0
  GROUP BY month.org_slug, month.provider, month.invoice_month, month.currency
),
billed AS (
  SELECT
    month.*,
    FORMAT_DATE('%Y%m', DATE_SUB(month.first_day, INTERVAL 1 MONTH)) AS month_before,
    IFNULL(small.smallest_unit, NUMERIC '0.01') AS smallest_unit,
    invoice.invoices AS invoices,
    invoice.invoice_total AS invoice_total,
    invoice.invoice_tax AS invoice_tax,
    invoice.told_tax AS told_tax,
    invoice.invoice_credits AS invoice_credits,
    invoice.invoice_priority_tier AS invoice_priority_tier,
    -- Until when changes can be on the invoice. A date before the month cannot be its, nor one after which there is none.
    TIMESTAMP(
      DATE_ADD(
        IF(invoice.issued_on BETWEEN month.first_day AND DATE '9999-12-30', invoice.issued_on, NULL), INTERVAL 1 DAY
      ),
      'UTC'
    ) AS issued_until
  FROM month
  LEFT JOIN org_dataset.billed_by_invoices AS invoice
    ON invoice.org_slug = month.org_slug
    AND invoice.provider = month.provider
    AND invoice.invoice_month = month.invoice_month
    AND invoice.currency = month.currency
  LEFT JOIN org_dataset.billed_currencies AS small
    ON small.currency = month.currency
),
changed AS (
  SELECT
    history.org_slug AS org_slug,
    history.provider AS provider,
    FORMAT_DATE('%Y%m', history.usage_date) AS invoice_month,
    cost.currency AS currency,
    history.recorded_at AS recorded_at,
    IFNULL(history.cause, '') = 'first_load' AS is_first,
    cost.after - cost.before AS cost_change,
    credit.after - credit.before AS credit_change
  FROM org_dataset.day_history AS history
  INNER JOIN UNNEST(history.costs) AS cost
  LEFT JOIN UNNEST(history.credits) AS credit
    ON credit.currency = cost.currency
  WHERE history.is_changed
  UNION ALL
  -- Where nobody knows what was before, any currency may have changed.
  SELECT
    org_slug,
    provider,
    FORMAT_DATE('%Y%m', usage_date),
    CAST(NULL AS STRING),
    recorded_at,
    FALSE,
    CAST(NULL AS NUMERIC),
    CAST(NULL AS NUMERIC)
  FROM org_dataset.day_history
  WHERE is_changed AND cause IS NULL
),
turned AS (
  -- Changes that may be on the invoice of a month or not, each with what it adds to which sum.
  SELECT
    billed.org_slug AS org_slug,
    billed.provider AS provider,
    billed.invoice_month AS invoice_month,
    billed.currency AS currency,
    unbilled.not_billed AS not_billed,
    unbilled.not_billed_credits AS not_billed_credits,
    changed.cost_change AS cost_change,
    changed.credit_change AS credit_change,
    changed.invoice_month = billed.invoice_month AND changed.recorded_at > billed.made_at AS is_later,
    -- A first load says nothing of when the provider knew what it tells.
    changed.invoice_month = billed.invoice_month
    AND NOT changed.is_first
    AND changed.recorded_at > billed.issued_until
    AND changed.recorded_at <= billed.made_at AS is_own,
    -- A change of the month before is billed once: that month's own invoice has all that it closed with, except what its
    -- parts call billed_later; and it can have nothing of what came after the close.
    changed.invoice_month = billed.month_before
    AND NOT changed.is_first
    AND changed.recorded_at > before.made_at
    AND changed.recorded_at <= IFNULL(billed.issued_until, billed.made_at) AS is_before,
    changed.invoice_month = billed.month_before
    AND NOT changed.is_first
    AND unbilled.not_billed IS NOT NULL
    AND changed.recorded_at <= before.made_at
    AND changed.recorded_at > IFNULL(billed.issued_until, billed.made_at) AS is_too_late
  FROM billed
  LEFT JOIN billed AS before
    ON before.org_slug = billed.org_slug
    AND before.provider = billed.provider
    AND before.invoice_month = billed.month_before
    AND before.currency = billed.currency
    AND before.status = 'closed'
  LEFT JOIN unbilled
    ON unbilled.org_slug = before.org_slug
    AND unbilled.provider = before.provider
    AND unbilled.invoice_month = before.invoice_month
    AND unbilled.currency = before.currency
  LEFT JOIN changed
    ON changed.org_slug = billed.org_slug
    AND changed.provider = billed.provider
    AND (changed.currency = billed.currency OR changed.currency IS NULL)
    AND changed.invoice_month IN (billed.invoice_month, billed.month_before)
),
late AS (
  -- A sum of which one change is not known is not known. Credits are a part of the costs.
  SELECT
    org_slug,
    provider,
    invoice_month,
    currency,
    IF(COUNTIF(is_later AND cost_change IS NULL) > 0, NULL, IFNULL(SUM(IF(is_later, cost_change, NULL)), 0)) AS later_change,
    IF(COUNTIF(is_own AND cost_change IS NULL) > 0, NULL, IFNULL(SUM(IF(is_own, cost_change, NULL)), 0)) AS own_change,
    IF(COUNTIF(is_own AND credit_change IS NULL) > 0, NULL, IFNULL(SUM(IF(is_own, credit_change, NULL)), 0)) AS own_credits,
    IF(
      COUNTIF((is_before OR is_too_late) AND cost_change IS NULL) > 0,
      NULL,
      IFNULL(MAX(not_billed), 0)
      + IFNULL(SUM(IF(is_before, cost_change, NULL)), 0)
      - IFNULL(SUM(IF(is_too_late, cost_change, NULL)), 0)
    ) AS change_before,
    IF(
      COUNTIF((is_before OR is_too_late) AND credit_change IS NULL) > 0
      OR COUNTIF(not_billed IS NOT NULL AND not_billed_credits IS NULL) > 0,
      NULL,
      IFNULL(MAX(not_billed_credits), 0)
      + IFNULL(SUM(IF(is_before, credit_change, NULL)), 0)
      - IFNULL(SUM(IF(is_too_late, credit_change, NULL)), 0)
    ) AS credits_before
  FROM turned
  GROUP BY org_slug, provider, invoice_month, currency
),
told AS (
  -- What the invoice itself tells and the rows do not have.
  SELECT
    billed.*,
    late.later_change AS later_change,
    IF(billed.tells_invoice_month, 0, late.own_change) AS own_change,
    IF(billed.tells_invoice_month, 0, late.own_credits) AS own_credits,
    IF(billed.tells_invoice_month, 0, late.change_before) AS change_before,
    IF(billed.tells_invoice_month, 0, late.credits_before) AS credits_before,
    billed.invoice_total - billed.cost AS residual,
    IF(billed.tax_cost IS NULL, IFNULL(billed.told_tax, 0), 0) AS tax_not_told,
    IFNULL(billed.invoice_priority_tier, 0) AS priority_tier,
    -- Half of the smallest unit for each line that an invoice may have rounded, within limits: many lines hide no money.
    -- The total itself may be rounded in any case.
    GREATEST(
      billed.smallest_unit * NUMERIC '0.5',
      LEAST(
        billed.line_count * billed.smallest_unit * NUMERIC '0.5',
        billed.smallest_unit * 100,
        ABS(billed.cost) * NUMERIC '0.001'
      )
    ) AS most_rounded
  FROM billed
  INNER JOIN late
    ON late.org_slug = billed.org_slug
    AND late.provider = billed.provider
    AND late.invoice_month = billed.invoice_month
    AND late.currency = billed.currency
),
reading AS (
  -- Lateness counts only where it makes the rest vanish, since both months may have changed for other reasons: so the
  -- invoice is read without it, with late usage of the month before, without that of its own month, and with both.
  SELECT
    told.*,
    each.turn AS turn,
    IF(each.with_before, told.change_before, 0) AS late_before,
    IF(each.without_own, 0 - told.own_change, 0) AS late_after,
    IF(each.without_own, 0 - told.own_credits, 0) AS late_after_credits,
    -- Credits that are rows on the invoice, and not in the month as it is today.
    IF(each.with_before, told.credits_before, 0) - IF(each.without_own, told.own_credits, 0) AS late_credits
  FROM told
  CROSS JOIN UNNEST([
    STRUCT(1 AS turn, FALSE AS with_before, FALSE AS without_own),
    STRUCT(2, TRUE, FALSE),
    STRUCT(3, FALSE, TRUE),
    STRUCT(4, TRUE, TRUE)
  ]) AS each
),
credited AS (
  -- What it tells of credits, less those that are rows; a provider that tells credits within its costs tells all of them.
  SELECT
    *,
    IF(
      credits IS NULL AND invoice_credits < 0, LEAST(invoice_credits - IFNULL(credit_cost, 0) - late_credits, 0), 0
    ) AS credits_of_invoice
  FROM reading
),
rest AS (
  SELECT
    *,
    residual - tax_not_told - credits_of_invoice - priority_tier - late_before - late_after AS remainder
  FROM credited
),
explained AS (
  -- That which leaves least to rounding, else the first: where many lines may have been rounded, what came late would pass
  -- for it, and the next month could not be explained. Where only credits were late, the invoice can be read without lateness
  -- too, as if they were prepaid; and so it can where both kinds of lateness cancel each other out. Then what the history tells
  -- comes first: the next month can be read without what this one lacks, but not with what nobody has named.
  SELECT *, IFNULL(ABS(remainder) <= most_rounded, FALSE) AS is_explained
  FROM rest
  WHERE TRUE
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY org_slug, provider, invoice_month, currency
      ORDER BY
        CASE
          WHEN IFNULL(ABS(remainder) > most_rounded, TRUE) THEN 2
          WHEN invoice_credits < 0 AND late_credits != 0 THEN 0
          WHEN late_before != 0 AND late_before + late_after = 0 THEN 0
          ELSE 1
        END,
        IF(ABS(remainder) <= most_rounded, ABS(remainder), NULL),
        turn
    ) = 1
)
SELECT
  invoice_month,
  org_slug,
  provider,
  currency,
  status,
  made_at,
  run_id,
  cost,
  usage_cost,
  purchase_cost,
  tax_cost,
  credit_cost,
  adjustment_cost,
  row_count,
  checksum,
  IF(status = 'closed', closed_invoices, invoices) AS invoices,
  IF(status = 'closed', closed_total, invoice_total) AS invoice_total,
  IF(status = 'closed', closed_tax, invoice_tax) AS invoice_tax,
  invoice_total AS invoice_total_now,
  IF(status = 'closed', closed_residual, residual) AS residual,
  ARRAY(
    SELECT part
    FROM UNNEST(IF(status = 'closed', closed_parts, [
      STRUCT('tax_not_told' AS name, tax_not_told AS amount),
      STRUCT('credits' AS name, credits_of_invoice AS amount),
      STRUCT('priority_tier' AS name, priority_tier AS amount),
      STRUCT('late_usage_of_month_before' AS name, late_before AS amount),
      STRUCT('billed_later' AS name, late_after AS amount),
      STRUCT('rounding' AS name, IF(is_explained, remainder, 0) AS amount)
    ])) AS part WITH OFFSET AS place
    WHERE part.amount != 0
    ORDER BY place
  ) AS parts,
  CASE
    WHEN status = 'closed' THEN 0
    WHEN residual IS NULL THEN NULL
    WHEN is_explained THEN 0
    ELSE remainder
  END AS unexplained,
  -- Why the rest cannot be named, where that is for want of a record and not of a rule.
  CASE
    WHEN status = 'closed' OR residual IS NULL OR is_explained THEN NULL
    WHEN own_change IS NULL OR change_before IS NULL THEN 'changes_not_recorded'
    WHEN credits IS NULL AND invoice_credits < 0 AND (own_credits IS NULL OR credits_before IS NULL) THEN 'credits_not_recorded'
  END AS unexplained_reason,
  late_after_credits,
  later_change
FROM explained;
