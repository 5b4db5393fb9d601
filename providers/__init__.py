"""The providers that costs and usage are read from, one folder each; `PROVIDERS` is the only list of them.

Importing this loads their records, and nothing that only a job needs.
"""

from providers import anthropic, gcp, openai
from providers.provider import Provider

PROVIDERS: tuple[Provider, ...] = (gcp.PROVIDER, openai.PROVIDER, anthropic.PROVIDER)
