-- Stands in the place of a run's load: once this job has the load's id, the run can never load.
-- @verdict STRING: JSON, how the run ended instead
SELECT @verdict AS verdict
