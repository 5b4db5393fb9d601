"""Shell completion of words that only the API knows. Without a quick answer there are none."""

import os
from collections.abc import Callable, Sequence

import click
import httpx

from cli.config import read_config
from cli.failures import Failure
from cli.http import BASE, Http
from cli.identity import config_path
from cli.json_object import JsonObject
from cli.pipeline_names import written

PATIENCE_S = 2.0
Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def complete_provider(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Providers of the pipelines that exist, which are public."""
    names = dict.fromkeys(entry["provider"] for entry in _catalogue(ctx))
    return [name for name in names if name.startswith(incomplete)]


def complete_pipeline(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the pipelines that exist; their paths, once a slash has been typed."""
    entries = _catalogue(ctx)
    names = [written(each) if "/" in incomplete else str(each["id"]) for each in entries]
    return [name for name in names if name.startswith(incomplete)]


def complete_words(words: Sequence[str]) -> Complete:
    """Completion of fixed words, in whichever case they are typed. The API may know more of them."""

    def complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        return [word for word in words if word.lower().startswith(incomplete.lower())]

    return complete


def _catalogue(ctx: click.Context) -> list[JsonObject]:
    """Pipelines that the API lists; none without a quick answer."""
    try:
        config = read_config(config_path(ctx.params.get("config")))
        url = ctx.params.get("api_url") or os.environ.get("CLOUDACT_API_URL") or config.api_url
        if not url:
            return []
        with httpx.Client(timeout=PATIENCE_S, trust_env=not url.startswith("http://")) as client:
            answer = Http(url, dict, client, 0).call("GET", f"{BASE}/validator/pipelines", public=True)
    except Failure:
        return []
    return list(answer.body["pipelines"])
