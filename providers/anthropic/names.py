"""What Anthropic is called: `ID` in configs, paths and error codes, `NAME` in sentences."""

ID = "anthropic"
NAME = "Anthropic"
