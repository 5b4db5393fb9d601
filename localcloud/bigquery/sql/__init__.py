"""GoogleSQL to GoogleSQL: rewrites that run before bqemulator translates a statement to DuckDB."""
