-- What a group of export rows says where its rows do not all say the same, and what tells fees and long charges apart.
-- Rows loaded before have NULL here; focus_costs reads them as it did, and the next load of their day fills them.
ALTER TABLE org_dataset.gcp_billing_daily_raw
  ADD COLUMN IF NOT EXISTS period_start TIMESTAMP OPTIONS(description = 'usage_start_time of a charge that lasts longer than its UTC day, e.g. a month of support; else NULL'),
  ADD COLUMN IF NOT EXISTS period_end TIMESTAMP OPTIONS(description = 'usage_end_time of such a charge, exclusive'),
  ADD COLUMN IF NOT EXISTS commitment_fee BOOL OPTIONS(description = 'Whether it is the fee for a commitment: a purchase, whose usage is in rows of its own'),
  ADD COLUMN IF NOT EXISTS more_labels STRING OPTIONS(description = 'JSON array text of the labels and tags that a JSON object cannot hold: second values of a key, and values without a key; NULL when there are none'),
  ADD COLUMN IF NOT EXISTS usage_amount_known BOOL OPTIONS(description = 'Whether every source row tells usage_amount'),
  ADD COLUMN IF NOT EXISTS pricing_amount_known BOOL OPTIONS(description = 'Whether every source row tells usage_amount_in_pricing_units'),
  ADD COLUMN IF NOT EXISTS list_cost_known BOOL OPTIONS(description = 'Whether every source row tells its cost at list price'),
  ADD COLUMN IF NOT EXISTS contracted_cost_known BOOL OPTIONS(description = 'Whether every source row tells its cost at the contract\'s price');

ALTER TABLE org_dataset.gcp_billing_daily_raw
  ALTER COLUMN IF EXISTS usage_amount SET OPTIONS(description = 'In usage_unit: the sum of the source rows that tell it'),
  ALTER COLUMN IF EXISTS usage_amount_in_pricing_units SET OPTIONS(description = 'In pricing_unit: the sum of the source rows that tell it'),
  ALTER COLUMN IF EXISTS credits SET OPTIONS(description = 'Sum of all credits. Mostly below zero; above where a correction takes credits back'),
  ALTER COLUMN IF EXISTS net_cost SET OPTIONS(description = 'cost + credits, summed before they are rounded: what is paid'),
  ALTER COLUMN IF EXISTS list_cost SET OPTIONS(description = 'Cost at list price. Source rows without one count with the contract\'s price, else with their cost; NULL if none tells it'),
  ALTER COLUMN IF EXISTS contracted_cost SET OPTIONS(description = 'Cost at the contract\'s price without commitments. Source rows without one count with their cost; NULL if none tells it'),
  ALTER COLUMN IF EXISTS labels SET OPTIONS(description = 'Resource labels as JSON object text, keys sorted and each once, see more_labels; {} when there are none'),
  ALTER COLUMN IF EXISTS cost_type SET OPTIONS(description = 'regular, tax, adjustment or rounding_error, as Google writes it');
