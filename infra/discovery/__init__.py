"""Google's own descriptions of its REST APIs, and a check whether a request is one that they describe.

They ship with google-api-python-client, a dependency of development only: product code knows nothing of them. Rules
that no schema holds (ranges, lengths, names) are in infra/rehearsal/value_rules.py.
"""
