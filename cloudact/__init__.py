"""Code that functions and jobs share: pipelines, runs, the ledger, orgs, credentials, errors, settings."""
