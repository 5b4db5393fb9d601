"""Costs of an org: typed questions, their answers, and how the API shows and exports these."""
