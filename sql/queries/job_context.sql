-- What a job needs to know of its org: the dataset to load into and which of its onboardings this is (neither once it is
-- off-boarded), and the credential to read with.
-- @org_slug STRING: the org
-- @integration STRING: the integration the pipeline requires
SELECT org, integration
FROM (
  SELECT ARRAY_AGG(STRUCT(dataset, generation) LIMIT 1)[SAFE_OFFSET(0)] AS org
  FROM organizations.org_current_profiles
  WHERE org_slug = @org_slug AND status = 'ACTIVE'
)
CROSS JOIN (
  SELECT
    ARRAY_AGG(
      STRUCT(
        status, credential_name, ciphertext, settings, fingerprint, validated_at, last_error, oldest_date, auth,
        updated_at
      )
      ORDER BY updated_at DESC, validated_at DESC, ciphertext DESC LIMIT 1
    )[SAFE_OFFSET(0)] AS integration
  FROM organizations.org_integrations
  WHERE org_slug = @org_slug AND integration = @integration
)
