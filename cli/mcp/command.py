"""`mcp`: serves a model's questions about one org, on standard input and output."""

import logging
import sys

import click

from cli.failures import Usage
from cli.mcp.reading import Reading
from cli.session import Api, asks_api
from cli.version import version

RETRY_FOR_S = 10.0  # a client waits for an answer a minute at most


@click.command(context_settings={"default_map": {"retry_for": RETRY_FOR_S}})
@asks_api
def mcp(api: Api) -> None:
    """Serve a model's questions about runs and costs, by the Model Context Protocol on standard input and output.

    Reads only. The key comes from the environment or the config file, and opens one organization.
    """
    if api.screen.as_json:
        raise Usage("mcp speaks a protocol of its own: leave --json out.")
    if api.customer.key_file and api.customer.key_file.name == "<stdin>":
        raise Usage("Standard input is the protocol's: give the key in a file, or in CLOUDACT_API_KEY.")
    api.customer.headers()  # a key that is missing is told now, not at the first question
    try:
        from cli.mcp.server import serve
    except ModuleNotFoundError as err:
        raise Usage(f"{err.name} is missing: pip install -r requirements-mcp.txt") from err
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    serve(Reading(api), version())
