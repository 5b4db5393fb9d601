"""The MCP server: what a model may ask about one org, over the calls that the command line makes. It only reads.

`server.py` alone knows the SDK, which requirements-mcp.txt installs; the tools are functions from arguments to answers.
"""
