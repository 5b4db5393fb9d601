-- Reads nothing and costs nothing: what counts is that BigQuery accepts this job's id once, and that whoever
-- comes later can read the winner's parameters back.
-- @execution STRING: the Cloud Run execution and task that claims the run
-- @started_at TIMESTAMP: when it started
SELECT @execution AS execution, @started_at AS started_at
