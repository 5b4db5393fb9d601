"""What runs and deploys the service: SQL, gcloud scripts, the local cloud."""
