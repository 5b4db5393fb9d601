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
    copy.parts AS parts
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
    ANY_VALUE(parts) AS closed_parts
  FROM copied
  GROUP BY org_slug, provider, invoice_month, currency, status, made_at, run_id
),
billed AS (
  SELECT
    month.*,
    FORMAT_DATE('%Y%m', DATE_SUB(PARSE_DATE('%Y%m%d', CONCAT(month.invoice_month, '01')), INTERVAL 1 MONTH)) AS month_before,
    invoice.invoices AS invoices,
    invoice.invoice_total AS invoice_total,
    invoice.invoice_tax AS invoice_tax,
    invoice.invoice_credits AS invoice_credits,
    invoice.invoice_priority_tier AS invoice_priority_tier,
    -- Until when changes can be on the invoice; of a month whose invoice tells no date, until it was closed.
    TIMESTAMP(DATE_ADD(invoice.issued_on, INTERVAL 1 DAY), 'UTC') AS issued_until,
    IFNULL(
      TIMESTAMP(DATE_ADD(invoice.issued_on, INTERVAL 1 DAY), 'UTC'), IF(month.status = 'closed', month.made_at, NULL)
    ) AS billed_until
  FROM month
  LEFT JOIN org_dataset.billed_by_invoices AS invoice
    ON invoice.org_slug = month.org_slug
    AND invoice.provider = month.provider
    AND invoice.invoice_month = month.invoice_month
    AND invoice.currency = month.currency
),
changed AS (
  SELECT
    history.org_slug AS org_slug,
    history.provider AS provider,
    FORMAT_DATE('%Y%m', history.usage_date) AS invoice_month,
    cost.currency AS currency,
    history.recorded_at AS recorded_at,
    history.cause AS cause,
    cost.after - cost.before AS cost_change
  FROM org_dataset.day_history AS history
  INNER JOIN UNNEST(history.costs) AS cost
  WHERE history.is_changed
),
late AS (
  SELECT
    billed.org_slug AS org_slug,
    billed.provider AS provider,
    billed.invoice_month AS invoice_month,
    billed.currency AS currency,
    SUM(
      IF(
        changed.invoice_month = billed.invoice_month AND changed.recorded_at > billed.made_at, changed.cost_change, NULL
      )
    ) AS later_change,
    -- A first load says nothing of when the provider knew what it tells.
    IFNULL(SUM(
      IF(
        changed.invoice_month = billed.invoice_month
        AND changed.recorded_at > billed.issued_until
        AND changed.recorded_at <= billed.made_at
        AND IFNULL(changed.cause, '') != 'first_load',
        changed.cost_change,
        NULL
      )
    ), 0) AS own_change,
    IFNULL(SUM(
      IF(
        changed.invoice_month = billed.month_before
        AND changed.recorded_at > before.billed_until
        AND changed.recorded_at <= IFNULL(billed.issued_until, billed.made_at)
        AND IFNULL(changed.cause, '') != 'first_load',
        changed.cost_change,
        NULL
      )
    ), 0) AS change_before
  FROM billed
  LEFT JOIN billed AS before
    ON before.org_slug = billed.org_slug
    AND before.provider = billed.provider
    AND before.invoice_month = billed.month_before
    AND before.currency = billed.currency
  LEFT JOIN changed
    ON changed.org_slug = billed.org_slug
    AND changed.provider = billed.provider
    AND changed.currency = billed.currency
    AND changed.invoice_month IN (billed.invoice_month, billed.month_before)
  GROUP BY billed.org_slug, billed.provider, billed.invoice_month, billed.currency
),
told AS (
  -- What the invoice itself tells and the rows do not have.
  SELECT
    billed.*,
    late.later_change AS later_change,
    IF(billed.tells_invoice_month, 0, late.own_change) AS own_change,
    IF(billed.tells_invoice_month, 0, late.change_before) AS change_before,
    billed.invoice_total - billed.cost AS residual,
    IF(billed.tax_cost IS NULL, IFNULL(billed.invoice_tax, 0), 0) AS tax_not_told,
    IF(billed.credits IS NULL, IFNULL(billed.invoice_credits, 0), 0) AS credits_of_invoice,
    IFNULL(billed.invoice_priority_tier, 0) AS priority_tier,
    -- Half of a currency's smallest unit for each line that an invoice may have rounded.
    GREATEST(billed.line_count, 1) * IF(
      billed.currency IN ('CLP', 'ISK', 'JPY', 'KRW', 'PYG', 'UGX', 'VND', 'XAF', 'XOF', 'XPF'),
      NUMERIC '0.5',
      NUMERIC '0.005'
    ) AS most_rounded
  FROM billed
  INNER JOIN late
    ON late.org_slug = billed.org_slug
    AND late.provider = billed.provider
    AND late.invoice_month = billed.invoice_month
    AND late.currency = billed.currency
),
rest AS (
  SELECT *, residual - tax_not_told - credits_of_invoice - priority_tier AS remainder
  FROM told
),
lateness AS (
  -- Lateness counts only where it makes the rest vanish: both months may have changed for other reasons.
  SELECT
    *,
    CASE
      WHEN ABS(remainder) <= most_rounded THEN 'none'
      WHEN ABS(remainder - change_before) <= most_rounded THEN 'before'
      WHEN ABS(remainder + own_change) <= most_rounded THEN 'after'
      WHEN ABS(remainder - change_before + own_change) <= most_rounded THEN 'both'
    END AS which
  FROM rest
),
explained AS (
  SELECT
    *,
    IF(which IN ('before', 'both'), change_before, 0) AS late_before,
    IF(which IN ('after', 'both'), 0 - own_change, 0) AS late_after
  FROM lateness
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
      STRUCT('rounding' AS name, IF(which IS NULL, 0, remainder - late_before - late_after) AS amount)
    ])) AS part
    WHERE part.amount != 0
  ) AS parts,
  CASE
    WHEN status = 'closed' THEN 0
    WHEN residual IS NULL THEN NULL
    WHEN which IS NULL THEN remainder
    ELSE 0
  END AS unexplained,
  later_change
FROM explained;
