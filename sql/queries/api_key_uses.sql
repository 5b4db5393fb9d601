-- The last day on which each key of an org was used, at most twice per key: as the triggers of runs tell, and as was
-- recorded of everything else.
-- @org_slug STRING: the org
-- @first_day DATE: how far back uses are looked for
-- @last_day DATE: today
SELECT fingerprint, MAX(used_on) AS last_used_day
FROM organizations.org_api_key_uses
WHERE used_on BETWEEN @first_day AND @last_day AND org_slug = @org_slug
GROUP BY fingerprint
UNION ALL
SELECT SUBSTR(triggered_by, 9) AS fingerprint, MAX(requested_date) AS last_used_day
FROM organizations.pipeline_run_events
WHERE requested_date BETWEEN @first_day AND @last_day AND org_slug = @org_slug AND STARTS_WITH(triggered_by, 'api_key:')
GROUP BY fingerprint
