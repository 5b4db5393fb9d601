-- What a job needs to know of its org: the dataset to load into, and the credential to read with.
-- @org_slug STRING: the org
-- @integration STRING: the integration the pipeline requires
SELECT
  (
    SELECT dataset
    FROM organizations.org_profiles
    WHERE org_slug = @org_slug
    ORDER BY created_at
    LIMIT 1
  ) AS dataset,
  (
    SELECT AS STRUCT status, ciphertext, settings, fingerprint, updated_at
    FROM organizations.org_integrations
    WHERE org_slug = @org_slug AND integration = @integration
    ORDER BY updated_at DESC
    LIMIT 1
  ) AS integration
