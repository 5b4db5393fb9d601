-- Everything that admitting a run needs for a person who calls, in one row.
-- @user_id STRING: the person
-- @org_slug STRING: the org in the path
-- @integration STRING: the integration the pipeline requires; NULL while the pipeline is not known
-- @today DATE: the UTC day whose quota counts
-- @date DATE: the date asked for; a run cannot have been requested before it
-- @run_ids ARRAY<STRING>: ids of the generations to look for
SELECT
  ARRAY(
    SELECT AS STRUCT org_slug, role, onboarded
    FROM organizations.org_memberships
    WHERE user_id = @user_id AND role IN ('owner', 'admin', 'member')
    ORDER BY org_slug
  ) AS memberships,
  subscription, integration, pipelines_today, webhook, latest
FROM (
  -- the query admission.sql
)
