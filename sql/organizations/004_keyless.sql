-- An integration that is read with without a key says so. NULL is a key, so that no row of one waits for the column.
ALTER TABLE organizations.org_integrations
  ADD COLUMN IF NOT EXISTS auth STRING OPTIONS (description = "keyless: the ciphertext names a service account that we act as; NULL: it is a key");
