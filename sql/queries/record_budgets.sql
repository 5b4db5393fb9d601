-- Records a version of an org's budgets. An INSERT and no stream: it can be read at once, and the table may be minutes old.
-- @org_slug STRING: the org
-- @version INT64: one more than the version before
-- @budgets STRING: JSON array of the budgets
-- @digest STRING: SHA-256 of that
-- @recorded_at TIMESTAMP: now
-- @recorded_by STRING: a key's name or a person's id
-- @entry_id STRING: names the row
INSERT INTO organizations.org_budgets (org_slug, version, budgets, digest, recorded_at, recorded_by, entry_id)
VALUES (@org_slug, @version, @budgets, @digest, @recorded_at, @recorded_by, @entry_id)
