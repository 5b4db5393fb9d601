-- Tenants: who may run what. Written by onboarding and integration set-up, read by every request and job.
-- `organizations` is the service's own dataset; `infra` replaces the name where a deployment chose another one.

CREATE TABLE IF NOT EXISTS organizations.org_profiles (
  org_slug STRING NOT NULL OPTIONS (description = "the tenant; matches [a-zA-Z0-9_]{3,50}"),
  name STRING OPTIONS (description = "display name"),
  dataset STRING NOT NULL OPTIONS (description = "the org's own BigQuery dataset in the service's project"),
  status STRING NOT NULL OPTIONS (description = "ACTIVE or OFFBOARDED"),
  generation INT64 NOT NULL OPTIONS (description = "1, and one more each time the org comes back after it was off-boarded"),
  keys_before INT64 NOT NULL OPTIONS (description = "number of the last API key of earlier generations"),
  created_at TIMESTAMP NOT NULL
)
CLUSTER BY org_slug
OPTIONS (description = "Orgs; the row of the highest generation counts, and in it OFFBOARDED");

CREATE TABLE IF NOT EXISTS organizations.org_api_keys_secure (
  org_slug STRING NOT NULL,
  key_hash STRING NOT NULL OPTIONS (description = "SHA-256 of the key in hex; the key itself is stored nowhere"),
  key_prefix STRING NOT NULL OPTIONS (description = "{org}_api_ and the first four characters, to recognise a key by"),
  number INT64 OPTIONS (description = "1, 2, 3 … in the order in which the org's keys were issued"),
  scopes ARRAY<STRING>,
  created_at TIMESTAMP NOT NULL,
  expires_at TIMESTAMP,
  revoked_at TIMESTAMP
)
CLUSTER BY key_hash
OPTIONS (description = "API keys by hash; the earliest end of all rows of a key counts, so a row can only take away");

CREATE TABLE IF NOT EXISTS organizations.org_api_key_uses (
  org_slug STRING NOT NULL,
  fingerprint STRING NOT NULL OPTIONS (description = "the first 16 characters of the key's hash"),
  used_on DATE NOT NULL OPTIONS (description = "UTC day")
)
PARTITION BY used_on
CLUSTER BY org_slug
OPTIONS (description = "Days on which keys were used for other things than runs; about one row per key, day and instance");

CREATE TABLE IF NOT EXISTS organizations.org_subscriptions (
  org_slug STRING NOT NULL,
  plan STRING NOT NULL,
  status STRING NOT NULL OPTIONS (description = "TRIAL, ACTIVE, SUSPENDED or CANCELLED"),
  daily_limit INT64 NOT NULL OPTIONS (description = "runs per UTC day that people and keys may ask for"),
  updated_at TIMESTAMP NOT NULL
)
CLUSTER BY org_slug
OPTIONS (description = "Subscriptions; the newest row of an org counts");

CREATE TABLE IF NOT EXISTS organizations.org_integrations (
  org_slug STRING NOT NULL,
  integration STRING NOT NULL OPTIONS (description = "GCP_SA, OPENAI or ANTHROPIC"),
  status STRING NOT NULL OPTIONS (description = "VALID, INVALID or NOT_CONFIGURED"),
  credential_name STRING OPTIONS (description = "what its owner calls the credential"),
  ciphertext STRING OPTIONS (description = "base64 of the credential, encrypted by Cloud KMS with org and integration as AAD"),
  settings STRING OPTIONS (description = "JSON object: where the provider's data lies"),
  fingerprint STRING OPTIONS (description = "recognises the credential without showing it"),
  validated_at TIMESTAMP,
  last_error STRING,
  oldest_date DATE OPTIONS (description = "the first date that can have rows; NULL where that is not known"),
  updated_at TIMESTAMP NOT NULL
)
CLUSTER BY org_slug
OPTIONS (description = "Set-ups of integrations; the newest row of an org and integration counts, by updated_at, validated_at, ciphertext");

CREATE TABLE IF NOT EXISTS organizations.org_webhooks (
  org_slug STRING NOT NULL,
  url STRING OPTIONS (description = "where events are posted to; NULL ends the webhook"),
  events ARRAY<STRING> OPTIONS (description = "the events that the org wants to be told of"),
  key_version INT64 NOT NULL OPTIONS (description = "1, 2, 3 …: which of the org's derived keys signs; no key is stored"),
  updated_at TIMESTAMP NOT NULL
)
CLUSTER BY org_slug
OPTIONS (description = "Webhooks; the newest row of an org counts, by updated_at, key_version, url");

CREATE TABLE IF NOT EXISTS organizations.org_members (
  org_slug STRING NOT NULL,
  user_id STRING NOT NULL,
  role STRING NOT NULL OPTIONS (description = "owner, admin or member; any other word ends the membership"),
  created_at TIMESTAMP NOT NULL
)
CLUSTER BY user_id
OPTIONS (description = "People of an org; the newest row of a user and an org counts");
