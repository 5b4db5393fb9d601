-- Where an org is told of events.
-- @org_slug STRING: the org
SELECT url, events, key_version, updated_at
FROM organizations.org_webhooks
WHERE org_slug = @org_slug
ORDER BY updated_at DESC, key_version DESC, url DESC
LIMIT 1
