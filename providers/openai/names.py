"""What OpenAI is called: `ID` in configs, paths and error codes, `NAME` in sentences."""

ID = "openai"
NAME = "OpenAI"
