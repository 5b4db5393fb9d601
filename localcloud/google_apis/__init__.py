"""Cloud Tasks, Cloud Run jobs and Cloud KMS on loopback, for the real Google clients with `transport="rest"`.

    python -m localcloud.google_apis --state-dir .local/google --job-command '*=.venv/bin/python -m jobs.main'

`local_cloud` puts everything together; `rest` is the wire, `tasks`, `run` and `kms` are one API each. Routes and types
come from the installed clients' own transports; what Google has and we lack is answered 501.
"""
