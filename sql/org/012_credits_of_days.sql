-- What of a day's cost was credits in each of its generations: what an invoice tells of credits has those that were rows
-- when it was issued, whatever they are today (docs/adr/0036). Rows written before have none: unknown, not zero.
ALTER TABLE org_dataset.day_history
  ADD COLUMN IF NOT EXISTS credits ARRAY<STRUCT<currency STRING, before NUMERIC, after NUMERIC>> OPTIONS(description = 'What of costs is charges of the category Credit, by currency; NULL where nobody knows, as before there was this column');

ALTER TABLE org_dataset.month_closes
  ADD COLUMN IF NOT EXISTS billed_later_credits NUMERIC OPTIONS(description = 'Credits within the part billed_later; NULL where nobody knows them');
