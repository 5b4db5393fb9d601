-- The stored facts of one API key.
-- @key_hash STRING: SHA-256 of the caller's key
SELECT org_slug, expires_at, revoked_at
FROM organizations.org_api_keys_secure
WHERE key_hash = @key_hash
LIMIT 1
