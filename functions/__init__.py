"""HTTP → queue: the functions `api` and `ops`."""
