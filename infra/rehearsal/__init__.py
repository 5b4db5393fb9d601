"""Rehearses a deployment without a network: the real gcloud and bq talk to a recorder on loopback.

The recorder keeps what they make, so that a second run of the same script sees what the first one made, and writes down
every request. It refuses what Google's schemas do not describe (infra/discovery) and what breaks a documented rule for
values (value_rules.py), and nothing that Google would refuse for rights or quotas.
"""
