"""GET /validator/pipelines: what can be run. Public and cacheable, since it holds nothing of any org."""

from typing import Any

from flask import Response, jsonify, request

from cloudact.registry import Entry, Registry
from functions.parameters import only_known
from functions.problems import Problem


def list_pipelines(registry: Registry) -> Response:
    """All pipelines, or those of one provider."""
    only_known(request.args, ("provider",))
    provider = request.args.get("provider")
    entries = [entry for entry in registry.entries if provider in (None, entry.provider)]
    return _cacheable(
        jsonify(success=True, pipelines=[_entry_json(registry, entry) for entry in entries], total=len(entries))
    )


def show_pipeline(registry: Registry, pipeline: str) -> Response:
    """One pipeline by its id."""
    for entry in registry.entries:
        if entry.id == pipeline:
            return _cacheable(jsonify(_entry_json(registry, entry)))
    known = ", ".join(entry.id for entry in registry.entries)
    raise Problem(404, f"Unknown pipeline: {pipeline[:64]}. Available: {known}")


def _entry_json(registry: Registry, entry: Entry) -> dict[str, Any]:
    names = (
        "id",
        "name",
        "description",
        "provider",
        "domain",
        "pipeline",
        "required_integration",
        "enabled",
        "schedule",
    )
    parameters = [parameter.model_dump() for parameter in registry.parameters(entry)]
    return {name: getattr(entry, name) for name in names} | {"parameters": parameters}


def _cacheable(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.add_etag()
    answer.make_conditional(request)
    return answer
