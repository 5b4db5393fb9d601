"""`python -m cli`: the command line."""

import sys

if __name__ == "__main__":
    try:
        from cli.program import cloudact
    except ModuleNotFoundError as err:
        sys.exit(f"{err.name} is missing: pip install -r requirements-cli.txt")
    cloudact(prog_name="cloudact")
