-- What a provider's ids are, or were, called, and how long each name held. What no list has any more keeps its last
-- name, with the end of it.
CREATE OR REPLACE VIEW org_dataset.provider_names (
  provider OPTIONS(description = 'openai or anthropic'),
  kind OPTIONS(description = 'project, workspace, api_key, service_account or user'),
  id OPTIONS(description = 'As it stands in the costs and the usage'),
  parent_id OPTIONS(description = 'The project or workspace that it is in, where the provider tells it'),
  name OPTIONS(description = 'As people have called it, without keys and e-mail addresses; NULL for a user, who is an id'),
  status OPTIONS(description = 'The word of the provider: active, inactive, archived, expired'),
  valid_from OPTIONS(description = 'When a run has first seen it so; it may have been so before'),
  valid_to OPTIONS(description = 'When a run has first seen it otherwise, or gone; NULL while it holds'),
  is_current OPTIONS(description = 'Whether it holds')
)
OPTIONS(description = 'Names of projects, workspaces, API keys and service accounts, see docs/focus.md')
AS
WITH
seen AS (
  -- Two runs that have seen the same at the same time are one.
  SELECT provider, kind, id, parent_id, name, status, observed_at
  FROM org_dataset.provider_name_changes
  GROUP BY provider, kind, id, parent_id, name, status, observed_at
),
interval_of AS (
  SELECT
    *,
    LEAD(observed_at) OVER (PARTITION BY provider, kind, id ORDER BY observed_at, status, name) AS ended_at
  FROM seen
)
SELECT
  provider,
  kind,
  id,
  parent_id,
  name,
  status,
  observed_at AS valid_from,
  ended_at AS valid_to,
  ended_at IS NULL AS is_current
FROM interval_of
WHERE status != 'gone';
