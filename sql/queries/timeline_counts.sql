-- How much has happened in an org, by UTC day and kind: of narrow columns, without the states of runs.
-- @org_slug STRING: the org
-- @first_day DATE: first UTC day
-- @last_day DATE: last such day
-- @now TIMESTAMP: what is still to come, such as the end of a key, has not happened
SELECT day, kind, COUNT(*) AS entries
FROM organizations.org_timeline
WHERE day BETWEEN @first_day AND @last_day AND org_slug = @org_slug AND happened_at <= @now
GROUP BY day, kind
