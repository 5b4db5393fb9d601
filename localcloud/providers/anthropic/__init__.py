"""Anthropic's organization reports, both generations. https://platform.claude.com/docs/en/manage-claude/usage-cost-api"""
