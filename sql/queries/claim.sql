-- Reads nothing and costs nothing: what counts is that BigQuery accepts this job's id once, and that whoever
-- comes later can read the winner's parameters back.
-- @execution STRING: the Cloud Run execution and task that claims the run
-- @started_at TIMESTAMP: when it started
-- @requested_date DATE: the day of the request that it was started for
SELECT @execution AS execution, @started_at AS started_at, @requested_date AS requested_date
