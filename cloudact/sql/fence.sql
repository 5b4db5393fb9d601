-- Stands in the place of a run's load: once this job has the load's id, the run can never load.
-- @reason STRING: why
SELECT @reason AS reason
