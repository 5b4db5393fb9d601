-- The stored facts of one API key: the earliest of all ends that were ever set for it.
-- @key_hash STRING: SHA-256 of the caller's key
SELECT key_hash, org_slug, MIN(expires_at) AS expires_at, MIN(revoked_at) AS revoked_at
FROM organizations.org_api_keys_secure
WHERE key_hash = @key_hash
GROUP BY key_hash, org_slug
LIMIT 1
