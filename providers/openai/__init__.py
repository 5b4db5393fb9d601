"""Reports of providers that are read page by page: OpenAI's and Anthropic's usage and costs of one UTC day."""
