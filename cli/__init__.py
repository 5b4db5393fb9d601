"""The command line: a client of the HTTP API like any other. Knows nothing of what is behind it.

Nothing else imports this package: it needs requirements-cli.txt.
"""
