"""Stand-ins for the admin APIs of OpenAI and Anthropic: usage and costs, invented but always the same for a day.

What they must share with the vendors is in the tests; what is assumed where the vendors are silent is said beside it.
"""
