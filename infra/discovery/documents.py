"""Discovery documents: which APIs there are, and their methods by HTTP verb and path. Each is read when asked for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Every API that this project speaks to. A path that two describe belongs to the first.
APIS = (
    "bigquery.v2", "cloudtasks.v2", "run.v2", "cloudkms.v1", "secretmanager.v1", "iamcredentials.v1",
    "run.v1", "cloudscheduler.v1", "cloudbuild.v1", "artifactregistry.v1", "iam.v1", "serviceusage.v1",
    "serviceusage.v1beta1",
    "cloudresourcemanager.v1", "monitoring.v3", "monitoring.v1", "logging.v2", "storage.v1",
)  # fmt: skip
_VARIABLE = re.compile(r"\{\+?\w+\}")


@dataclass(frozen=True)
class Method:
    """Method of an API; `is_upload` where the path is that of the upload of a file."""

    api: str
    described: Json
    pattern: re.Pattern[str]
    slashes: int
    is_upload: bool = False

    @property
    def name(self) -> str:
        """Name as Google writes it: `bigquery.jobs.insert`."""
        name: str = self.described["id"]
        return name


class Document:
    """Discovery document of one API."""

    def __init__(self, name: str) -> None:
        self.name = name
        content = json.loads((_folder() / f"{name}.json").read_bytes())
        self.schemas: dict[str, Json] = content["schemas"]
        self.parameters: dict[str, Json] = content["parameters"]
        self._methods: dict[tuple[str, int], list[Method]] = {}
        for described in _described(content):
            for method in _methods(name, content["servicePath"], described):
                for verb in {described["httpMethod"], "PUT" if method.is_upload else described["httpMethod"]}:
                    self._methods.setdefault((verb, method.slashes), []).append(method)

    def __iter__(self) -> Iterator[Method]:
        """All methods."""
        return (method for methods in self._methods.values() for method in methods)

    def find(self, verb: str, path: str) -> Method | None:
        """Method of a request; where several match, the one that leaves least open."""
        candidates = self._methods.get((verb, path.count("/")), ())
        matching = [method for method in candidates if method.pattern.fullmatch(path)]
        return max(matching, key=lambda method: len(method.pattern.pattern), default=None)


@cache
def document(name: str) -> Document:
    """Document of an API, read once per process. Raises FileNotFoundError where Google has none of that name."""
    return Document(name)


def find(verb: str, path: str) -> Method | None:
    """Method that a request is for, of any API."""
    return next((method for name in APIS if (method := document(name).find(verb, path))), None)


def _folder() -> Path:
    """Folder of the documents. The package is not imported: it wants libraries that nothing here uses."""
    spec = find_spec("googleapiclient")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("google-api-python-client is not installed; requirements-dev.txt names it.")
    return Path(spec.origin).parent / "discovery_cache" / "documents"


def _described(node: Json) -> Iterator[Json]:
    yield from node.get("methods", {}).values()
    for resource in node.get("resources", {}).values():
        yield from _described(resource)


def _methods(api: str, service_path: str, described: Json) -> Iterator[Method]:
    """Methods of a document. `flatPath` says where a name of several segments ends; `path` does not."""
    template = f"/{service_path}{described.get('flatPath') or described['path']}"
    yield Method(api, described, _pattern(template), template.count("/"))
    for protocol in described.get("mediaUpload", {}).get("protocols", {}).values():
        path = protocol["path"]
        yield Method(api, described, _pattern(path), path.count("/"), is_upload=True)


def _pattern(template: str) -> re.Pattern[str]:
    """Regular expression of a path. A colon at the end begins a verb, which no name takes in."""
    literals = [re.escape(literal) for literal in _VARIABLE.split(template)]
    return re.compile("[^/]+".join(literals[:-1]) + "[^/:]+" + literals[-1] if literals[1:] else literals[0])
