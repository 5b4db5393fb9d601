"""The functions `api` and `ops`: HTTP → queue."""
