"""Tools that deploy and run the service: scripts, migration, rehearsal, checks."""
