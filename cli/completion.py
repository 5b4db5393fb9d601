"""Shell completion of words that only the API knows. Without a quick answer there are none."""

import os

import click
import httpx

from cli.config import read_config
from cli.failures import Failure
from cli.http import BASE, Http
from cli.identity import config_path

PATIENCE_S = 2.0


def complete_provider(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Providers of the pipelines that exist, which are public."""
    try:
        names = _providers(ctx.params.get("api_url"), ctx.params.get("config"))
    except Failure:
        return []
    return [name for name in names if name.startswith(incomplete)]


def _providers(url: str | None, config: str | None) -> list[str]:
    url = url or os.environ.get("CLOUDACT_API_URL") or read_config(config_path(config)).api_url
    if not url:
        return []
    with httpx.Client(timeout=PATIENCE_S, trust_env=not url.startswith("http://")) as client:
        answer = Http(url, dict, client, 0).call("GET", f"{BASE}/validator/pipelines", public=True)
    return list(dict.fromkeys(entry["provider"] for entry in answer.body["pipelines"]))
