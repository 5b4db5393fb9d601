"""Names of pipelines: paths such as `gcp/cost/billing`, and ids such as `gcp_billing`."""

import re
from typing import Protocol, Unpack

from cli.failures import Usage
from cli.http import Answer, CallOptions
from cli.json_object import JsonObject

_PATH = re.compile(r"[\w-]+(/[\w-]*)?/[\w-]+", re.ASCII)
_ID = re.compile(r"[\w-]+", re.ASCII)


class Caller(Protocol):
    """Client that can call the API: the command line's, or a program's."""

    def call(self, method: str, *parts: str, **options: Unpack[CallOptions]) -> Answer:
        """Calls an endpoint below the base path."""


def path_of_pipeline(api: Caller, name: str) -> list[str]:
    """Provider, domain and pipeline; those of an id come from the catalogue. Raises `Usage`."""
    if _PATH.fullmatch(name):
        return name.split("/")
    _check_id(name)
    entry = api.call("GET", "validator", "pipelines", name, public=True).body
    return [entry["provider"], entry["domain"], entry["pipeline"]]


def id_of_pipeline(api: Caller, name: str) -> str:
    """Id; that of a path comes from the catalogue. Raises `Usage`."""
    if not _PATH.fullmatch(name):
        _check_id(name)
        return name
    entries = api.call("GET", "validator", "pipelines", public=True).body["pipelines"]
    ids = [str(entry["id"]) for entry in entries if _fits(entry, name.split("/"))]
    if len(ids) != 1:
        known = ", ".join(written(entry) for entry in entries)
        raise Usage(f"There is no pipeline {name}; there are {known}.")
    return ids[0]


def written(entry: JsonObject) -> str:
    """Path of an entry of the catalogue, as `run` takes it."""
    return "/".join(filter(None, (entry["provider"], entry["domain"], entry["pipeline"])))


def _check_id(name: str) -> None:
    if not _ID.fullmatch(name):
        raise Usage(f"PIPELINE is written gcp/cost/billing, provider/pipeline or gcp_billing, not {name}")


def _fits(entry: JsonObject, parts: list[str]) -> bool:
    domain = parts[1] if len(parts) == 3 else ""
    ends = (entry["provider"], entry["pipeline"]) == (parts[0], parts[-1])
    return ends and domain in ("", entry["domain"])
