"""The company behind the demo: one that could be real, for people to look at. Hostile values live in the tests' data.

Every day is a pure function of the company, its first day and the date: `activity` says how busy it is, `google`,
`openai` and `anthropic` what it uses of each vendor, `names` what it calls its projects, workspaces and keys.
"""
