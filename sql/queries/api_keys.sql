-- The stored facts of API keys: the earliest of all ends that were ever set for each.
-- @key_hashes ARRAY<STRING>: SHA-256 of each caller's key
SELECT key_hash, org_slug, MIN(expires_at) AS expires_at, MIN(revoked_at) AS revoked_at
FROM organizations.org_api_keys_secure
WHERE key_hash IN UNNEST(@key_hashes)
GROUP BY key_hash, org_slug
