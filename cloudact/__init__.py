"""What functions and jobs must agree on: pipelines, runs, the ledger, tenants, credentials, errors, settings."""
