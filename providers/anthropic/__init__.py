"""What a pipeline's steps are worked through by, one module for each `processor` that a config can name."""
