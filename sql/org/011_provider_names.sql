-- What people call the projects, workspaces and keys of a provider: one row for each change that a run has seen in the
-- provider's lists. Rows are only ever added (docs/adr/0040); the view provider_names tells how long each name held.
CREATE TABLE IF NOT EXISTS org_dataset.provider_name_changes (
  provider STRING NOT NULL,
  kind STRING NOT NULL OPTIONS(description = 'project, workspace, api_key, service_account or user'),
  id STRING NOT NULL OPTIONS(description = 'As it stands in the costs and the usage'),
  parent_id STRING OPTIONS(description = 'The project or workspace that it is in, where the provider tells it'),
  name STRING OPTIONS(description = 'As people have called it, without keys and e-mail addresses; NULL for a user, who is an id'),
  status STRING NOT NULL OPTIONS(description = 'The word of the provider: active, inactive, archived, expired; gone once a list has it no more'),
  observed_at TIMESTAMP NOT NULL OPTIONS(description = 'First start of the run that has seen it so'),
  org_slug STRING NOT NULL,
  run_id STRING NOT NULL OPTIONS(description = 'That run')
)
CLUSTER BY provider, kind, id
OPTIONS(description = 'Changes of names in the lists of providers, see docs/focus.md');
