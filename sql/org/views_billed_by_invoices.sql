-- What the invoices that count bill, by provider, month and currency. docs/focus.md tells how a month closes.
CREATE OR REPLACE VIEW org_dataset.billed_by_invoices
OPTIONS(description = 'Sums of the invoices of a month that count: see docs/focus.md')
AS
SELECT
  org_slug,
  issuer AS provider,
  invoice_month,
  currency,
  STRING_AGG(number, ', ' ORDER BY number) AS invoices,
  SUM(total) AS invoice_total,
  -- What one invoice does not tell is not known of their sum.
  IF(COUNT(tax) = COUNT(*), SUM(tax), NULL) AS invoice_tax,
  -- What is told of the parts of some of them is that much at least.
  SUM(tax) AS told_tax,
  SUM(credits) AS invoice_credits,
  SUM(priority_tier) AS invoice_priority_tier,
  IF(COUNT(issued_on) = COUNT(*), MAX(issued_on), NULL) AS issued_on
FROM (
  SELECT
    org_slug,
    issuer,
    newest.number AS number,
    newest.invoice_month AS invoice_month,
    newest.currency AS currency,
    newest.total AS total,
    newest.tax AS tax,
    newest.credits AS credits,
    newest.priority_tier AS priority_tier,
    newest.issued_on AS issued_on
  FROM (
    SELECT
      org_slug,
      issuer,
      ARRAY_AGG(
        STRUCT(
          TRIM(number) AS number,
          invoice_month AS invoice_month,
          currency AS currency,
          total AS total,
          tax AS tax,
          credits AS credits,
          priority_tier AS priority_tier,
          issued_on AS issued_on,
          is_void AS is_void
        )
        ORDER BY recorded_at DESC, entry_id DESC LIMIT 1
      )[OFFSET(0)] AS newest
    FROM org_dataset.invoices
    GROUP BY org_slug, issuer, LOWER(TRIM(number))  -- one invoice, however its number is typed
  )
  WHERE NOT newest.is_void
)
GROUP BY org_slug, issuer, invoice_month, currency;
