-- What else a price depends on: where and how fast Anthropic computes, and what a commitment of Google pays.
-- Rows loaded before have NULL here; focus_costs reads them as it did, and the next load of their day fills them.
ALTER TABLE org_dataset.gcp_billing_daily_raw
  ADD COLUMN IF NOT EXISTS commitment_credits NUMERIC OPTIONS(description = 'Sum of the credits for committed use: what usage was discounted by, or what a fee was offset by; NULL when there are none');

ALTER TABLE org_dataset.anthropic_usage_daily_raw
  ADD COLUMN IF NOT EXISTS inference_geo STRING OPTIONS(description = 'global, us or not_available; NULL where Anthropic does not tell it apart'),
  ADD COLUMN IF NOT EXISTS speed STRING OPTIONS(description = 'standard or fast; NULL where Anthropic does not tell it apart');

ALTER TABLE org_dataset.anthropic_cost_daily_raw
  ADD COLUMN IF NOT EXISTS speed STRING OPTIONS(description = 'analytics only: standard or fast; the cost report tells it in its description');
