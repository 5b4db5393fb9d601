-- Reads nothing and costs nothing: what counts is that BigQuery accepts this job's id once, and that whoever comes
-- later can read back what was decided.
-- @decision STRING: JSON of what was decided
SELECT @decision AS decision
