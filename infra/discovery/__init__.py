"""Google's own descriptions of its REST APIs, and whether a request is one that they describe.

They ship with google-api-python-client, a dependency of development only: product code knows nothing of them. What no
schema says (ranges, lengths, names) is in infra/rehearsal/value_rules.py.
"""
