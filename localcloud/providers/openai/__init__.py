"""OpenAI's organization usage and costs API. https://platform.openai.com/docs/api-reference/usage"""
