-- Which version of the pipeline's file a run was worked with. NULL until its container has told, and for older runs.
ALTER TABLE organizations.pipeline_run_events
  ADD COLUMN IF NOT EXISTS pipeline_version STRING OPTIONS (description = "of the pipeline's file in the image of the container that works on the run");
