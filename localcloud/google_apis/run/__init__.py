"""Cloud Run jobs: every task of an execution is a real subprocess."""
